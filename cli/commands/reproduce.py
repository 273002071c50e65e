"""`./airlock reproduce`: train a recorded run once more and compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.commands.options import examples, json_option, open_workspace
from cli.commands.output import labelled, print_facts, print_json, waiting

if TYPE_CHECKING:
    from include.training.reproduction import Reproduction, Sameness


@click.command(
    epilog=examples(
        "./airlock reproduce 3368b69b603a4a049fe73481be771468",
        "./airlock reproduce 3368b69b603a4a049fe73481be771468 --json | jq .holds",
    ),
)
@click.argument("run_id")
@json_option
@click.pass_context
def reproduce(ctx: click.Context, run_id: str, as_json: bool) -> None:
    """Train a recorded run once more and compare: the same metrics, the same predictions?

    RUN_ID is a training run in MLflow; `./airlock champions` lists those that were promoted. Data,
    declaration, seed and threads are those that were kept with the run, whatever the YAML says
    today, and nothing is recorded. Where Airlock's code or a library has another version now, this is
    said: it may explain a difference. Exit code 1 when data, metrics or predictions differ.
    """
    from include.training.reproduction import reproduce as train_again

    with waiting("training once more"):
        found = train_again(run_id, open_workspace())
    print_json({**found.model_dump(), "holds": found.holds}) if as_json else _print(found)
    if not found.holds:
        ctx.exit(1)


def _print(found: Reproduction) -> None:
    tables = " ".join(f"{name}@{version}" for name, version in found.tables.items())
    print_facts(
        [
            ("run", f"{found.run_id}, as of {found.as_of}"),
            ("data", f"{'the same rows' if found.data else 'DIFFERENT ROWS'}, {tables}"),
            *labelled("surroundings", found.surroundings or ["the same code and libraries"]),
            *labelled(
                "metrics",
                [f"{name}: {before} recorded, {now} now" for name, (before, now) in found.metrics.items()]
                or [f"all {found.compared_metrics} equal to the last bit"],
            ),
            ("model", _says(found.model, found.rows)),
            ("baseline", _says(found.baseline, found.rows)),
            ("reproduced", "yes" if found.holds else "NO"),
        ]
    )


def _says(model: Sameness, rows: int) -> str:
    if not model.predictions:
        return f"PREDICTIONS DIFFER by up to {model.largest_difference:.3g} on {rows} rows"
    equal = f"{rows} predictions equal to the last bit"
    if model.file:
        return f"{equal}, and so are the file's bytes"
    if model.contents:
        return (
            f"{equal}, and so are the file's contents; its bytes differ in the addresses of objects and the "
            "times that its archive notes"
        )
    return f"{equal}; the file's contents differ"
