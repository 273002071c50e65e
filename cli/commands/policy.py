"""`./airlock policy`: the rules that hold for a use case, and where each comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.commands.options import examples, json_option, read_settings
from cli.commands.output import note, print_facts, print_heading, print_json, print_table

if TYPE_CHECKING:
    from include.policy import Origin
    from include.use_case import UseCase

# The sections whose settings gates read, and the hash of which stands in their decisions.
_SECTIONS = ("contract", "features", "training", "evaluation", "promotion", "monitoring")


@click.command(
    epilog=examples(
        "./airlock policy flights",
        "./airlock policy flights --section evaluation",
        "./airlock policy flights --json | jq .hashes",
    ),
)
@click.argument("use_case")
@click.option(
    "--section", type=click.Choice(_SECTIONS), help="Only this section; all but the contract when left out."
)
@json_option
def policy(use_case: str, section: str | None, as_json: bool) -> None:
    """Show which rules hold for a use case, and where each comes from.

    A value stands in the use case's file, is the default, or comes from a policy of the organisation
    (include/policies), which a use case may tighten and never loosen. Every decision carries the hash
    of the section that it was made under.
    """
    from include.hashing import digest
    from include.policy import load_policies, origins, under
    from include.use_case import FILE_NAME, load_use_case, read_use_case

    settings = read_settings()
    load_use_case(use_case, settings)  # says so when there is none, or it loosens a policy
    declared = read_use_case(settings.use_cases_dir / use_case / FILE_NAME)
    effective = under(declared, load_policies(settings))
    shown = (section,) if section else tuple(name for name in _SECTIONS if name != "contract")
    rows = [origin for origin in origins(declared, effective) if origin.setting.partition(".")[0] in shown]
    hashes = {name: digest(_section(effective.use_case, name)) for name in shown}
    names = [f"{found.name}, owner {found.owner}" for found in effective.policies]
    if as_json:
        print_json({"settings": [row._asdict() for row in rows], "hashes": hashes, "policies": names})
        return
    print_table(("setting", "value", "from", "bound"), [_row(row) for row in rows], whole=("setting", "from"))
    print_heading("hashes in the decisions")
    print_facts(hashes.items())
    note(f"Policies: {'; '.join(names) or 'none concerns this use case'}")


def _section(use_case: UseCase, name: str) -> Any:
    return getattr(use_case, name)


def _row(origin: Origin) -> tuple[str, str, str, str]:
    value = "-" if origin.value is None else str(origin.value)
    return origin.setting, value, origin.source, origin.bound
