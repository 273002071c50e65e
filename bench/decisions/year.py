"""2013 on flights under several policies: what gates and grounds for a training are worth, over a whole year.

How the declared policy was chosen, so that nobody takes these figures for more than they are: on the first
half of the year (to 30 June) trailing windows of 56 and 365 days do not differ beyond the .001 that another
seed changes, and the long one was taken after looking at both halves. How often to train was chosen by
`bench.decisions.intervals`, on the whole year. No part of the year was kept unseen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.table import OUT, Row, publish
from cli.commands.simulate import with_files
from include.settings import get_settings
from include.simulation.comparison import draw, simulate, write_rows
from include.simulation.history import prepare
from include.simulation.outcome import Outcome, Week
from include.simulation.policy import read_policy
from include.warmup import LIBRARIES, import_quietly
from include.workspace import Workspace

USE_CASE, FIRST, LAST = "flights", "2013-01-01", "2013-12-31"
HALF = "2013-07-01"
BLIZZARD = ("2013-02-08", "2013-02-09")
POLICIES = (
    "never",
    "always-weekly",
    "always-weekly-all-history.yaml",
    "naive-gate",
    "gated-weekly.yaml",
    "declared",
)
_FOLDER = Path(__file__).parent / "policies"
_TENTH_WEEK = 9


def run() -> list[Outcome]:
    """Replay the year under every policy."""
    import_quietly(LIBRARIES)
    settings = with_files(get_settings(), USE_CASE, FIRST, LAST)
    use_case = Workspace(settings).use_case(USE_CASE)
    policies = [read_policy(name, use_case, folder=_FOLDER) for name in POLICIES]
    history = prepare(use_case, FIRST, LAST, settings=settings, progress=lambda day: None)
    return simulate(policies, history, settings=settings, progress=lambda policy, day: None)


def _auc(weeks: list[Week]) -> float:
    return float(np.mean([week.roc_auc for week in weeks if week.roc_auc is not None]))


def _told(outcome: Outcome) -> list[Row]:
    weeks, name = outcome.weeks, outcome.policy
    return [
        Row(f"{name}: mean weekly AUC", _auc(weeks), ""),
        Row(f"{name}: mean weekly AUC from the tenth week on", _auc(weeks[_TENTH_WEEK - 1 :]), ""),
        Row(f"{name}: first half", _auc([week for week in weeks if week.monday < HALF]), ""),
        Row(f"{name}: second half", _auc([week for week in weeks if week.monday >= HALF]), ""),
        Row(f"{name}: trainings", len(outcome.trainings), ""),
        Row(f"{name}: deployments", len(outcome.deployments), ""),
        Row(f"{name}: harmful deployments", outcome.harmful, ""),
        Row(
            f"{name}: harmful, days as blocks",
            sum(found.harmful_by_days for found in outcome.deployments),
            "",
        ),
    ]


def _compared(declared: Outcome, weekly: Outcome) -> list[Row]:
    ordinary = [week for week in declared.weeks if not week.refused]
    alarmed = [week for week in ordinary if week.alarms]
    unnamed = [day for day in BLIZZARD if day not in declared.refused]
    late = [week for week in declared.weeks if week.monday >= HALF]
    weekly_late = [week for week in weekly.weeks if week.monday >= HALF]
    return [
        Row("declared falls short of always weekly: AUC", weekly.mean_auc - declared.mean_auc, "", 0.0),
        Row("the same in the second half", _auc(weekly_late) - _auc(late), "", 0.0),
        Row("declared / always weekly: trainings", len(declared.trainings) / len(weekly.trainings), "x", 0.5),
        Row(
            "declared / always weekly: harmful deployments",
            declared.harmful / max(weekly.harmful, 1),
            "x",
            1 / 3,
        ),
        Row("ordinary weeks with an alarm", 100 * len(alarmed) / max(len(ordinary), 1), "%", 10.0),
        Row("days of the blizzard that are not named in their own partition", len(unnamed), "", 0.0),
    ]


def main() -> None:
    """Replay, publish, and write rows and picture beside the figures."""
    outcomes = run()
    by_name = {outcome.policy: outcome for outcome in outcomes}
    publish(
        "year",
        [
            *(row for outcome in outcomes for row in _told(outcome)),
            *_compared(by_name["declared"], by_name["always-weekly"]),
        ],
    )
    write_rows(outcomes, OUT / "year.csv")
    draw(outcomes, OUT / "year.png", title="flights, 2013")


if __name__ == "__main__":
    main()
