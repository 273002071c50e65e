"""`./airlock triggers`: whether the trainings that were ordered, and those held back, were worth it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.commands.options import examples, json_option, open_workspace
from cli.commands.output import note, print_heading, print_json, print_table, styled
from include.plotting import plain_text

if TYPE_CHECKING:
    from include.decisions import Decision
    from include.monitoring.outcomes import TriggerScore


@click.command(
    epilog=examples(
        "./airlock triggers",
        "./airlock triggers flights --plot triggers.png",
        "./airlock triggers flights --json | jq '.[0].scores'",
    ),
)
@click.argument("use_case", required=False)
@click.option("--plot", metavar="FILE", help="Write a picture (PNG) of every judged training.")
@json_option
@click.pass_context
def triggers(ctx: click.Context, use_case: str | None, plot: str | None, as_json: bool) -> None:
    """Score what asked for trainings by the weeks that followed.

    Once enough later days have their labels, every order and every training that was held back is
    judged: was the model of that training better than the one it would replace? `right` and `wrong`
    are shown with their bound; the rest is undecided. Precision is the share of right among the
    decided orders; recall the share of worthwhile trainings before which the signal stood.
    """
    from include.monitoring.hindsight import trigger_scores
    from include.use_case import use_case_names

    workspace = open_workspace()
    found: list[dict[str, Any]] = []
    judged: list[Decision] = []
    for name in [use_case] if use_case else use_case_names(workspace.settings):
        decisions = list(reversed(workspace.ledger.find(use_case=name, gate="trigger_outcome")))
        scores = trigger_scores(workspace.use_case(name), workspace)
        judged += decisions
        found.append({"use_case": name, "scores": scores, "outcomes": decisions})
        if not as_json:
            _print(name, decisions, scores)
    if as_json:
        print_json(found)
    if plot:
        _draw(judged, Path(ctx.find_object(Path) or Path.cwd(), plot))


def _print(name: str, decisions: list[Decision], scores: list[TriggerScore]) -> None:
    print_heading(f"{name}: {len(decisions)} retraining decisions judged")
    if not decisions:
        note("Nothing is due yet: an order is judged when enough later days have their labels")
        return
    rows = [
        (
            found.evidence["asked_by"],
            found.evidence["trained_as_of"] or "none",
            {"pass": "right", "refuse": "wrong"}.get(found.verdict.value, "undecided"),
            found.reasons[0],
        )
        for found in decisions
    ]
    print_table(("asked by", "trained as of", "it was", "because"), rows, whole=("trained as of",))
    print_table(
        ("trigger", "orders", "right", "wrong", "undecided", "precision", "recall"),
        [
            (
                styled(score.trigger),
                score.orders,
                score.right,
                score.wrong,
                score.undecided,
                _share(score.precision),
                _share(score.recall),
            )
            for score in scores
        ],
    )


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0%}"


@plain_text()
def _draw(decisions: list[Decision], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    colors = {"pass": "tab:green", "refuse": "tab:red", "undecided": "tab:gray"}
    words = {"pass": "right", "refuse": "wrong", "undecided": "undecided"}
    for verdict, color in colors.items():
        mine = [found for found in decisions if found.verdict.value == verdict]
        mine = [found for found in mine if found.evidence["difference"] is not None]
        axes.errorbar(
            [f"{found.evidence['trained_as_of']}\n{_asked(found)}" for found in mine],
            [found.evidence["difference"] for found in mine],
            yerr=[2 * found.evidence["standard_error"] for found in mine],
            fmt="o",
            color=color,
            label=words[verdict],
        )
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(
        title="Was the training worth it? (bars: two standard errors, days as blocks)",
        ylabel="new model minus the one in use\n(AUC, or loss saved)",
        xlabel="training as of (data date), and who asked",
    )
    axes.tick_params(axis="x", rotation=60, labelsize=7)
    axes.legend()
    figure.savefig(path, dpi=110)


def _asked(found: Decision) -> str:
    return found.evidence["asked_by"] if found.evidence["started"] else "held back"
