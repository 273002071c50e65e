"""`./airlock verify`: is the record unchanged, and does MLflow serve what was decided."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from cli.commands.options import examples, json_option, open_workspace
from cli.commands.output import print_facts, print_json, print_table, waiting

if TYPE_CHECKING:
    from include.workspace import Workspace


def _hash(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[0-9a-f]{64}", value):
        raise click.BadParameter(f"{value!r} is no head: it has 64 digits 0-9 and a-f; copy it whole")
    return value


@click.command(
    epilog=examples(
        "./airlock verify",
        './airlock verify --head "$(cat /elsewhere/head)"',
        "./airlock verify --chain-only --json | jq -r .head > /elsewhere/head",
    ),
)
@click.option(
    "--head",
    metavar="HASH",
    callback=_hash,
    help="A head printed earlier; it must still be part of the chain.",
)
@click.option("--chain-only", is_flag=True, help="Do not ask MLflow.")
@json_option
@click.pass_context
def verify(ctx: click.Context, head: str | None, chain_only: bool, as_json: bool) -> None:
    """Prove that the ledger is unchanged and MLflow agrees with it.

    Every decision carries the hash of the one before, so a changed, removed or inserted one breaks
    the chain. That the newest ones were cut off shows only against a head that was kept elsewhere:
    write down the head, and give it to the next verification. Then the champion alias of each use
    case in MLflow is compared with the newest promotion in the ledger. Exit code 1 when the chain is
    broken or an alias differs; when MLflow does not answer, that part is not checked and said to be.
    """
    workspace = open_workspace()
    with waiting("walking the chain"):
        chain = _chain(workspace, head)
    aliases: list[dict[str, Any]] = []
    unchecked: str | None = "asked for the chain only"
    if not chain["holds"]:
        unchecked = "the ledger cannot be trusted"
    elif not chain_only:
        with waiting("asking MLflow"):
            aliases, unchecked = _aliases(workspace)
    result = {**chain, "aliases": aliases, "aliases_not_checked": unchecked}
    print_json(result) if as_json else _print(result)
    if not chain["holds"] or any(not alias["agrees"] for alias in aliases):
        ctx.exit(1)


def _chain(workspace: Workspace, head: str | None) -> dict[str, Any]:
    from include.errors import LedgerCorrupted

    try:
        count, newest = workspace.ledger.verify(head=head)
    except LedgerCorrupted as error:
        return {"holds": False, "message": str(error), "decisions": None, "head": None}
    return {"holds": True, "message": "", "decisions": count, "head": newest}


def _aliases(workspace: Workspace) -> tuple[list[dict[str, Any]], str | None]:
    """Compare each champion alias with the ledger; return also why this was not possible."""
    from include.champions import REIGN_GATES, newest_champion
    from include.errors import Outage
    from include.lineage import mlflow_answers
    from include.maintenance.stage import AliasEvidence, check_alias
    from include.registry import CHAMPION
    from include.use_case import use_case_names

    promoted = {decision.use_case for decision in workspace.ledger.find(gate=REIGN_GATES)}
    found: list[dict[str, Any]] = []
    try:
        with mlflow_answers(workspace.settings):
            for name in sorted(promoted | set(use_case_names(workspace.settings))):
                champion = newest_champion(workspace.ledger, name)
                evidence = AliasEvidence(
                    alias_version=workspace.registry.alias_version(name, CHAMPION),
                    ledger_version=champion.version if champion else None,
                )
                ruling = check_alias(evidence)
                found.append(
                    {
                        "use_case": name,
                        "ledger": evidence.ledger_version,
                        "mlflow": evidence.alias_version,
                        "agrees": ruling.verdict.opens,
                        "message": "; ".join(ruling.reasons),
                    }
                )
    except Outage as error:
        return [], str(error)
    return found, None


def _print(result: dict[str, Any]) -> None:
    facts: list[tuple[str, object]] = [("chain", "holds" if result["holds"] else "BROKEN")]
    if result["holds"]:
        facts += [("decisions", result["decisions"]), ("head", result["head"])]
    else:
        facts.append(("", result["message"]))
    if result["aliases_not_checked"]:
        facts.append(("aliases", f"not checked: {result['aliases_not_checked']}"))
    print_facts(facts)
    if result["aliases"]:
        rows = [
            (alias["use_case"], alias["ledger"] or "none", alias["mlflow"] or "none", _says(alias))
            for alias in result["aliases"]
        ]
        print_table(("use case", "ledger", "mlflow alias", ""), rows, whole=("use case", "ledger"))
    for alias in result["aliases"]:
        if not alias["agrees"]:
            print_facts([(alias["use_case"], alias["message"])])


def _says(alias: dict[str, Any]) -> str:
    return "agree" if alias["agrees"] else "DIFFER"
