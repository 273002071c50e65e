"""How often the champion's rule promotes wrongly, by seeded simulation; errors shown are standard errors.

A trial draws a holdout of days, on which two models score the same rows, and puts it before the evaluation
gate as an evaluation would. What is drawn resembles the flights: the scores of weekly candidates and
champions correlate at .72 to .98 within a class (.8 here), and over seven days the paired difference of their
AUCs has a standard error of .004 to .020. Under day-correlated errors each day adds a part of its own to how
well either model tells the classes apart, as a day's weather does: a little (a standard error of about .007
over seven days, as between models of much data) or much (about .02, as between models of the first weeks).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import norm

from bench.table import Row, publish
from include.evaluation.figures import Difference, EvaluationEvidence
from include.evaluation.gate import check
from include.stats.auc import paired_auc_difference
from include.use_case_sections import ChampionGate, Evaluation

SEED = 20130101
POSITIVE_SHARE, CORRELATION, STRENGTH = 0.25, 0.8, 0.75
SPREADS = {"independent": 0.0, "days differ a little": 0.05, "days differ much": 0.15}
# Of the simulated candidates of one holdout.
FAMILY = 20
DAYS = (7, 14, 28)
SUPERIORITY = ChampionGate(kind="champion", test="superiority")
NON_INFERIORITY = ChampionGate(kind="champion")


@dataclass(frozen=True)
class Setting:
    """What a holdout looks like.

    Attributes:
        spread: standard deviation of what a day adds to a model's strength; 0 for independent rows.
        gain: by how much the candidate's AUC is truly better.
    """

    days: int
    rows: int
    spread: float = 0.0
    gain: float = 0.0


@lru_cache
def _strength_for(gain: float) -> float:
    """Return the distance of the classes that gives so much more AUC than the usual one."""
    base = norm.cdf(STRENGTH / math.sqrt(2))
    return float(norm.ppf(base + gain) * math.sqrt(2))


def holdout(
    random: np.random.Generator, setting: Setting, candidates: int = 1
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray], np.ndarray]:
    """Return labels, the champion's scores, those of the candidates, and days."""
    day = np.arange(setting.rows) * setting.days // setting.rows
    label = (random.random(setting.rows) < POSITIVE_SHARE).astype(int)
    shared = random.normal(size=setting.rows)

    def scores(strength: float) -> np.ndarray:
        own = random.normal(size=setting.rows)
        noise = math.sqrt(CORRELATION) * shared + math.sqrt(1 - CORRELATION) * own
        slope = strength + random.normal(0, setting.spread, setting.days)[day]
        return slope * label + noise

    champion = scores(STRENGTH)
    return label, champion, [scores(_strength_for(setting.gain)) for _ in range(candidates)], day


def promoted(
    label: np.ndarray,
    champion: np.ndarray,
    candidate: np.ndarray,
    day: np.ndarray,
    *,
    rule: ChampionGate,
    earlier: int = 0,
) -> bool:
    """Tell whether the gate lets a candidate in."""
    found = paired_auc_difference(label, candidate, champion, day)
    evidence = EvaluationEvidence(
        run_id="simulated",
        rows=len(label),
        days=len(set(day)),
        champion_state="compared",
        champion_version="1",
        earlier_candidates=earlier,
        figures={
            "champion:roc_auc": Difference(
                candidate=found.auc_a,
                other=found.auc_b,
                standard_error=found.standard_error,
                degrees_of_freedom=found.degrees_of_freedom,
            )
        },
    )
    return check(evidence, Evaluation(gates=[rule])).verdict.opens


def single(setting: Setting, rule: ChampionGate) -> Callable[[np.random.Generator], bool]:
    """Return a trial: is one candidate promoted?"""

    def trial(random: np.random.Generator) -> bool:
        label, champion, (candidate,), day = holdout(random, setting)
        return promoted(label, champion, candidate, day, rule=rule)

    return trial


def family(setting: Setting, rule: ChampionGate) -> Callable[[np.random.Generator], bool]:
    """Return a trial: is any of 20 candidates promoted that are tried on one holdout, one by one?"""

    def trial(random: np.random.Generator) -> bool:
        label, champion, candidates, day = holdout(random, setting, FAMILY)
        return any(
            promoted(label, champion, candidate, day, rule=rule, earlier=earlier)
            for earlier, candidate in enumerate(candidates)
        )

    return trial


def raw(setting: Setting, candidates: int = 1) -> Callable[[np.random.Generator], bool]:
    """Return a trial: is any candidate's AUC simply larger?"""

    def trial(random: np.random.Generator) -> bool:
        label, champion, found, day = holdout(random, setting, candidates)
        return any(paired_auc_difference(label, one, champion, day).difference > 0 for one in found)

    return trial


def rate(trial: Callable[[np.random.Generator], bool], trials: int) -> tuple[float, float]:
    """Return the share of trials that end with yes, and its standard error."""
    random = np.random.default_rng(SEED)
    share = sum(trial(random) for _ in range(trials)) / trials
    return share, math.sqrt(max(share * (1 - share), 1 / trials) / trials)


def rows_of_table(scale: float = 1.0) -> list[Row]:
    """Simulate; `scale` shortens all runs for a first look."""
    rows: list[Row] = []

    def add(name: str, trial: Callable[[np.random.Generator], bool], trials: int, goal: float | None) -> None:
        trials = max(int(trials * scale), 20)
        share, error = rate(trial, trials)
        # A goal is missed when the figure stands three standard errors above it.
        limit = None if goal is None else goal + 300 * math.sqrt(goal / 100 * (1 - goal / 100) / trials)
        rows.append(Row(f"{name} (± {100 * error:.1f})", 100 * share, "%", limit))

    for kind, spread in SPREADS.items():
        for count in (500, 2_000, 10_000):
            trials = 4_000 if count < 10_000 else 2_000
            for days in DAYS:
                holding = f"{count:,} rows of {days} days, {kind}"
                equal, worse = (Setting(days, count, spread, gain=gain) for gain in (0.0, -0.01))
                add(f"equal candidate promoted, {holding}", single(equal, SUPERIORITY), trials, 5.0)
                add(f"worse by .01 AUC, promoted, {holding}", single(worse, SUPERIORITY), trials, 1.0)
        seven = Setting(7, 2_000, spread)
        add(f"the same by raw comparison, 2,000 rows, {kind}", raw(seven), 500, None)
        add(
            f"any of 20 equal candidates of one holdout, 2,000 rows, {kind}",
            family(seven, SUPERIORITY),
            400,
            5.0,
        )
        add(f"the same by raw comparison, 20 candidates, {kind}", raw(seven, FAMILY), 200, None)
        for days in DAYS:
            better = Setting(days, 10_000, spread, gain=0.02)
            name = f"better by .02 AUC, missed, 10,000 rows of {days} days, {kind}"
            caught = single(better, SUPERIORITY)
            # Goals stand where a rule can reach them: one that knew the true error would miss a fifth in
            # seven days that differ a little, and two thirds in fourteen that differ much.
            reachable = spread == 0 or (days > 7 and spread < 0.1)
            add(name, lambda random, found=caught: not found(random), 2_000, 10.0 if reachable else None)
        at_margin = Setting(7, 10_000, spread, gain=-0.01)
        name = f"non-inferiority at its margin of .01, promoted, 10,000 rows, {kind}"
        add(name, single(at_margin, NON_INFERIORITY), 1_000, 5.0)
    return rows


def main() -> None:
    """Simulate and publish."""
    publish("promotion", rows_of_table())


if __name__ == "__main__":
    main()
