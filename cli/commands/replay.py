"""`./airlock replay` and `./airlock backtest`: rules applied to recorded evidence again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.commands.options import examples, json_option, open_workspace, partition_key
from cli.commands.output import labelled, note, print_facts, print_json, print_table

if TYPE_CHECKING:
    from include.replay import Retried


@click.command(
    epilog=examples(
        "./airlock replay 3adc969a            a unique beginning of the id is enough",
        "./airlock replay 3adc969a --json | jq .differs",
    ),
)
@click.argument("decision", metavar="DECISION")
@json_option
@click.pass_context
def replay(ctx: click.Context, decision: str, as_json: bool) -> None:
    """Apply a decision's rule to its recorded evidence again.

    Evidence and rules are read from the ledger and judged by today's code, so that anybody can check
    why a model was let in, or a batch refused. Exit code 1 when the verdict, a reason or the rule is
    not as it was recorded; what differs is shown.
    """
    from include.replay import replay as replayed

    workspace = open_workspace()
    found = replayed(workspace.ledger.get(decision), workspace.ledger, workspace.settings)
    if as_json:
        print_json(found)
    else:
        print_facts(
            [
                ("decision", f"{found.gate} of {found.use_case} {found.about}, {found.decision_id}"),
                ("recorded", found.recorded),
                ("again", found.verdict),
                ("rules", found.rules),
                *labelled("reasons", found.reasons),
                *labelled("differs", found.differs or ["nothing: the verdict is reproduced"]),
            ]
        )
    if found.differs:
        ctx.exit(1)


@click.command(
    epilog=examples(
        "./airlock backtest --policy include/policies/organisation.yaml",
        "./airlock backtest --policy changed.yaml --from 2013-01-01 --to 2013-03-31",
        "./airlock backtest --policy changed.yaml --json | jq length",
    ),
)
@click.option(
    "--policy",
    "file",
    required=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A changed use_case.yaml, or a changed policy of the organisation.",
)
@click.option("--from", "first", metavar="DATE", callback=partition_key, help="Earliest data date.")
@click.option("--to", "last", metavar="DATE", callback=partition_key, help="Latest data date.")
@json_option
def backtest(file: Path, first: str | None, last: str | None, as_json: bool) -> None:
    """Show which past verdicts other rules would have changed.

    Every decision of the range is judged again on its recorded evidence, under the rules in FILE, before
    anybody merges them. Nothing is recorded. Each decision stands alone: what would have followed from
    another verdict, such as another champion, is not replayed.
    """
    from include.replay import backtest as retried

    workspace = open_workspace()
    found = list(retried(file, workspace.ledger, workspace.settings, first=first, last=last))
    if as_json:
        print_json(found)
        return
    _print_changes([item for item in found if item.changed])
    unjudged = Counter(item.gate for item in found if item.verdict is None)
    for gate, count in unjudged.items():
        first_reason = next(item.reasons[0] for item in found if item.gate == gate and item.verdict is None)
        note(f"{count} decisions of {gate} cannot be judged: {first_reason}")
    judged = sum(item.verdict is not None for item in found)
    note(f"{sum(item.changed for item in found)} of {judged} verdicts would have been others")


def _print_changes(changed: list[Retried]) -> None:
    if not changed:
        return
    rows = [
        (item.about, item.use_case, item.gate, item.recorded, item.verdict, item.reasons[0])
        for item in changed
    ]
    columns = ("date", "use case", "gate", "was", "would be", "because")
    print_table(columns, rows, whole=("date", "gate"))
