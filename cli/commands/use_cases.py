"""`./airlock use-cases`: what is declared, and whether it is sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.commands.options import examples, json_option, open_workspace, read_settings
from cli.commands.output import note, print_json, print_table
from cli.main import printable

if TYPE_CHECKING:
    from include.use_case import UseCase
    from include.workspace import Workspace


@click.group(
    epilog=examples(
        "./airlock use-cases",
        "./airlock use-cases --check          in CI, before a change is merged",
        "./airlock use-cases show flights     one of them, with all defaults",
    ),
    name="use-cases",
    invoke_without_command=True,
)
@click.option(
    "--check", is_flag=True, help="Also load every features.py; exit with 1 when anything is broken."
)
@json_option
@click.pass_context
def use_cases(ctx: click.Context, check: bool, as_json: bool) -> None:
    """List the declared use cases, broken ones included.

    A use case is one prediction problem, declared in include/use_cases/NAME/use_case.yaml. A broken
    declaration never hides the others: it is listed with what is wrong and where.
    """
    if ctx.invoked_subcommand is not None:
        return
    from include.use_case import use_case_names

    workspace = open_workspace()
    found = [_examine(workspace, name, check) for name in use_case_names(workspace.settings)]
    if as_json:
        print_json(found)
    else:
        _print(found, str(workspace.settings.use_cases_dir))
    if check and any(not item["valid"] for item in found):
        ctx.exit(1)


def _examine(workspace: Workspace, name: str, thorough: bool) -> dict[str, Any]:
    from include.errors import UseCaseError

    try:
        use_case = workspace.use_case(name)
        if thorough:
            from include.feature_sets import load_features

            load_features(use_case, workspace.settings)
    except UseCaseError as error:
        return {"name": name, "valid": False, "error": str(error)}
    return {
        "name": name,
        "valid": True,
        "title": use_case.title,
        "owner": use_case.owner,
        "problem": use_case.problem.kind,
        "question": use_case.problem.question,
        "schedule": use_case.source.schedule,
        "training_schedule": use_case.training.schedule,
        "hash": use_case.hash,
        "champion": _champion(workspace, use_case),
    }


def _champion(workspace: Workspace, use_case: UseCase) -> str | None:
    from include.champions import newest_champion
    from include.errors import Outage

    try:
        champion = newest_champion(workspace.ledger, use_case.name)
    except Outage as error:
        note(f"The champion of {use_case.name} is not known: {error}")
        return None
    return champion.version if champion else None


def _print(found: list[dict[str, Any]], folder: str) -> None:
    if not found:
        note(f"No use case is declared in {folder}; make a folder there with a use_case.yaml")
        return
    columns = ("name", "title", "owner", "problem", "schedule", "valid", "champion")
    print_table(columns, [_row(item) for item in found], whole=("name", "problem", "schedule"))
    for item in found:
        if not item["valid"]:
            click.echo("\n" + printable(item["error"]))


def _row(item: dict[str, Any]) -> list[str]:
    if not item["valid"]:
        return [item["name"], "-", "-", "-", "-", "no", "-"]
    champion = item["champion"] or "none"
    return [*(item[name] for name in ("name", "title", "owner", "problem", "schedule")), "yes", champion]


@use_cases.command(
    epilog=examples(
        "./airlock use-cases show flights",
        "./airlock use-cases show flights --json | jq .evaluation.gates",
    ),
)
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one declaration with every default, as YAML.

    This is what the gates go by. What a file leaves out stands here with its default, so it can be
    copied from here and changed there. The hash names this declaration in MLflow.
    """
    from include.use_case import load_use_case

    use_case = load_use_case(name, read_settings())
    if as_json:
        print_json(use_case)
        return
    import yaml

    # A setting that is null is switched off by being absent; leaving it out keeps 20 columns readable.
    text = yaml.safe_dump(
        use_case.model_dump(exclude_none=True), sort_keys=False, allow_unicode=True, width=100
    )
    click.echo(f"# {use_case.name}, effective declaration, hash {use_case.hash}\n{text}", nl=False)
