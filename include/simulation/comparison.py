"""Several policies over the same days, side by side: in figures, as rows, and as one picture."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from include.plotting import plain_text
from include.simulation.history import History
from include.simulation.outcome import Outcome, outcome_of
from include.simulation.policy import Policy
from include.simulation.replay import Replay, SimulatedWorkspace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from include.settings import Settings

_FIELDS = (
    "policy",
    "monday",
    "rows",
    "roc_auc",
    "champion",
    "trainings",
    "promotions",
    "marked",
    "alarms",
    "refused",
)


def simulate(
    policies: Iterable[Policy], history: History, *, settings: Settings, progress: Callable[[str, str], None]
) -> list[Outcome]:
    """Replay the days under each policy and return what came of it.

    Args:
        policies: to compare.
        history: the days, with their data stages done.
        settings: of this installation; nothing of it is written to.
        progress: called with a policy's name and each day that is through.
    """
    found: list[Outcome] = []
    for policy in policies:
        with tempfile.TemporaryDirectory(prefix="airlock-simulation-") as folder:
            replay = Replay(policy, history, SimulatedWorkspace(Path(folder), history, settings))
            for day in replay.run():
                progress(policy.name, day)
            found.append(outcome_of(replay))
    return found


def write_rows(outcomes: list[Outcome], path: Path) -> None:
    """Write one row per policy and week as CSV; lists are joined by semicolons."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, _FIELDS)
        rows.writeheader()
        for outcome in outcomes:
            for week in outcome.weeks:
                values = week.model_dump()
                joined = {name: "; ".join(values[name]) for name in ("marked", "alarms", "refused")}
                rows.writerow({"policy": outcome.policy, **values, **joined})


@plain_text()
def draw(outcomes: list[Outcome], path: Path, *, title: str) -> None:
    """Draw the weekly AUC of each policy, and below it when each trained, deployed, harmed and alarmed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5 + 0.5 * len(outcomes)), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 0.4 + 0.4 * len(outcomes)])
    for outcome in outcomes:
        weeks = [week for week in outcome.weeks if week.roc_auc is not None]
        label = f"{outcome.policy} (mean {outcome.mean_auc:.4f})"
        above.plot([week.monday for week in weeks], [week.roc_auc for week in weeks], label=label)
    above.set(title=title, ylabel="AUC of the week's predictions")
    above.legend(fontsize="small")
    above.grid(alpha=0.3)
    _draw_events(outcomes, below)
    figure.legend(*below.get_legend_handles_labels(), fontsize="small", ncols=4, loc="outside lower center")
    figure.savefig(path, dpi=110)


def _draw_events(outcomes: list[Outcome], axes: Axes) -> None:
    mondays = sorted({week.monday for outcome in outcomes for week in outcome.weeks})
    for height, outcome in enumerate(outcomes):
        harmful = {found.as_of for found in outcome.deployments if found.harmful}
        deployed = {found.as_of for found in outcome.deployments}
        marks = {
            "trained": ([day for day in outcome.trainings if day not in deployed], "|", "tab:gray"),
            "deployed": (sorted(deployed - harmful), "o", "tab:green"),
            "deployed, significantly worse": (sorted(harmful), "X", "tab:red"),
            "alarm": (outcome.alarm_weeks, "v", "tab:orange"),
        }
        for label, (days, marker, color) in marks.items():
            weeks = [max((monday for monday in mondays if monday <= day), default="") for day in days]
            shown = [week for week in weeks if week]
            offset = 0.25 if label == "alarm" else 0.0
            axes.scatter(
                shown,
                [height + offset] * len(shown),
                marker=marker,
                color=color,
                label=label if height == 0 else None,
            )
    axes.set_yticks(range(len(outcomes)), [outcome.policy for outcome in outcomes])
    axes.set_ylim(len(outcomes) - 0.4, -0.6)
    axes.set_xticks(mondays[::4])
    axes.tick_params(axis="x", rotation=30)
    axes.set_xlabel("week starting on (data date)")
