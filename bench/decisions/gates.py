"""How often the gates' rules decide wrongly, by seeded simulation; the error shown is one standard error."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.stats import norm

from bench.table import Row, publish
from include.stats.auc import paired_auc_difference
from include.stats.conformal import rank_p_value
from include.stats.proportions import exceeds_limit

SEED = 20130101
ALPHA = 0.05


def _rate(trial: Callable[[np.random.Generator], bool], trials: int) -> tuple[float, float]:
    random = np.random.default_rng(SEED)
    rate = sum(trial(random) for _ in range(trials)) / trials
    return rate, math.sqrt(max(rate * (1 - rate), 1 / trials) / trials)


def _holdout(
    random: np.random.Generator, days: int, rows: int, spread: float, gap: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two models on the same labels; their errors share a part per day, as flights of a day share weather.

    `spread` is the standard deviation of what a day adds to the slope of either model; `gap` is by how much
    the signal of the first is stronger.
    """
    day = np.repeat(np.arange(days), rows)
    label = (random.random(len(day)) < 0.3).astype(int)
    scores = []
    for strength in (0.6 + gap, 0.6):
        slope = strength + random.normal(0, spread, days)[day]
        scores.append(slope * label + random.normal(size=len(day)))
    return label, scores[0], scores[1], day


def _better(random: np.random.Generator, days: int, rows: int, spread: float, gap: float) -> bool:
    label, one, other, day = _holdout(random, days, rows, spread, gap)
    return paired_auc_difference(label, one, other, day).lower(ALPHA) > 0


def _raw_better(random: np.random.Generator, days: int, rows: int, spread: float) -> bool:
    label, one, other, day = _holdout(random, days, rows, spread, 0.0)
    return paired_auc_difference(label, one, other, day).difference > 0


def _gap_for(auc_gain: float) -> float:
    """Return the gain in signal strength that raises the AUC by so much at strength .6."""
    base = norm.cdf(0.6 / math.sqrt(2))
    return float(norm.ppf(base + auc_gain) * math.sqrt(2) - 0.6)


def main() -> None:
    """Simulate and publish."""
    rows: list[Row] = []

    def add(name: str, trial: Callable[[np.random.Generator], bool], trials: int, goal: float | None) -> None:
        rate, error = _rate(trial, trials)
        # Goals stand three standard errors above the nominal rate: only then does the simulation disprove it.
        rows.append(Row(f"{name} (± {100 * error:.1f})", 100 * rate, "%", goal))

    for spread, kind in ((0.0, "independent rows"), (0.15, "day-correlated errors")):
        add(
            f"raw comparison promotes an equal model, {kind}",
            lambda r, s=spread: _raw_better(r, 7, 800, s),
            2000,
            None,
        )
        add(
            f"equal model shown better, 7 days x 800, {kind}",
            lambda r, s=spread: _better(r, 7, 800, s, 0.0),
            2000,
            6.5,
        )
        add(
            f"equal model shown better, 28 days x 80, {kind}",
            lambda r, s=spread: _better(r, 28, 80, s, 0.0),
            2000,
            6.5,
        )
    add(
        "a model better by .02 AUC is missed, 12 days x 830, unrelated scores",
        lambda r: not _better(r, 12, 830, 0.0, _gap_for(0.02)),
        2000,
        None,
    )
    add("share at its limit of 5 % refused, n = 5,000", lambda r: _refused(r, 5000, 0.05), 20_000, 1.2)
    add(
        "share 2 points above its limit let through, n = 5,000",
        lambda r: not _refused(r, 5000, 0.07),
        20_000,
        1.0,
    )
    add("ordinary day marked by the drift rank", _marked, 20_000, 100 / 21 + 0.5)
    publish("gates", rows)


def _refused(random: np.random.Generator, rows: int, share: float) -> bool:
    return exceeds_limit(int(random.binomial(rows, share)), rows, 0.05, 0.01) == "exceeds"


def _marked(random: np.random.Generator) -> bool:
    magnitudes = random.lognormal(size=41)
    return rank_p_value(float(magnitudes[-1]), magnitudes[:-1]) <= 1 / 21


if __name__ == "__main__":
    main()
