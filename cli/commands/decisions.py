"""`./airlock decisions`: the ledger, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.commands.options import examples, json_option, open_workspace, partition_key
from cli.commands.output import labelled, note, print_facts, print_heading, print_json, show, styled

if TYPE_CHECKING:
    from include.decisions import Decision

_VERDICTS = ("pass", "warn", "refuse", "undecided")


@click.command(
    epilog=examples(
        "./airlock decisions --verdict refuse",
        "./airlock decisions --use-case flights --gate promotion --limit 5",
        "./airlock decisions --partition 2013-02-08",
        "./airlock decisions --id 3adc969a         one, with all its evidence",
        "./airlock decisions --limit 1000 --json | jq -r '.[].reasons[]'",
    ),
)
@click.option("--id", "decision_id", metavar="ID", help="Show this one whole; a unique beginning is enough.")
@click.option("--use-case", metavar="NAME", help="Only of this use case.")
@click.option(
    "--gate", metavar="GATE", help="Only of this gate: ingestion, features, training, evaluation, ..."
)
@click.option("--partition", metavar="DATE", callback=partition_key, help="Only about this data date.")
@click.option("--verdict", type=click.Choice(_VERDICTS), help="Only with this verdict.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@json_option
def decisions(
    *,
    decision_id: str | None,
    use_case: str | None,
    gate: str | None,
    partition: str | None,
    verdict: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show what was decided, on what evidence and why.

    Every gate writes its verdict into the ledger: pass, warn, refuse, or undecided where the evidence
    was too little. The newest stands first. The date is the partition, or the as-of of a decision that
    is about no single partition, such as a promotion.
    """
    from include.decisions import Verdict

    ledger = open_workspace().ledger
    if decision_id is not None:
        decision = ledger.get(decision_id)
        print_json(decision) if as_json else _print_whole(decision)
        return
    found = ledger.find(
        use_case=use_case,
        gate=gate,
        partition=partition,
        verdict=Verdict(verdict) if verdict else None,
        limit=limit + 1,
    )
    if as_json:
        print_json(found[:limit])
    else:
        _print_list(found[:limit])
    if len(found) > limit:
        note(f"These are the newest {limit}; see more with --limit {limit * 10}")
    elif not found:
        note("No decision matches. Widen the filters, or see all with: ./airlock decisions")


def _print_list(found: list[Decision]) -> None:
    width = max((len(decision.use_case) for decision in found), default=0)
    gates = max((len(decision.gate) for decision in found), default=0)
    for decision in found:
        line = styled(f"{decision.partition or decision.as_of}  {decision.gate:<{gates}}  ")
        line.append_text(styled(decision.verdict.value)).append(" " * (11 - len(decision.verdict.value)))
        line.append_text(styled(f"{decision.use_case:<{width}}  {decision.id}"))
        show(line)
        more = f" (and {len(decision.reasons) - 1} more)" if len(decision.reasons) > 1 else ""
        print_facts(
            [("", f"{decision.reasons[0]}{more}" if decision.reasons else "no reason given")], indent=10
        )


def _print_whole(decision: Decision) -> None:
    about = decision.partition or f"as of {decision.as_of}"
    print_heading(f"{decision.gate} of {decision.use_case} {about}")
    rate = "none: plain limits" if decision.error_rate is None else f"{decision.error_rate:.3g}"
    print_facts(
        [
            ("verdict", decision.verdict),
            *labelled("reasons", decision.reasons),
            ("rule", decision.rule),
            ("error rate", rate),
            ("mode", decision.mode),
            ("as of", decision.as_of),
            ("actor", decision.actor),
            *labelled("data", decision.data_refs),
            ("policy", decision.policy_hash),
            ("code", decision.code_version),
            ("id", decision.id),
        ]
    )
    print_heading("evidence")
    print_json(decision.evidence)
