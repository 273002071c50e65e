"""How often the performance alarm is raised where nothing changed, and how late where the loss rises."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from bench.decisions import streams
from bench.table import Row
from include.monitoring.performance import DayPerformance, PerformanceEvidence, check
from include.use_case_sections import Performance

_ALARM = Performance()
_YEARS = 40


def performance_rows(flights: Mapping[str, pd.DataFrame]) -> list[Row]:
    """Ask about years of the same days in another order, and about a loss that rises."""
    losses = _daily_losses(flights)
    random = np.random.default_rng(streams.SEED)
    false, risen, slow = [], [], []
    for _ in range(_YEARS):
        year_long = random.permutation(losses)
        false.append(_alarms(year_long))
        steps = np.where(np.arange(120) >= 60, 0.15, 0.0)
        risen.append(_delay(random.permutation(losses)[:127], steps))
        slow.append(_delay(random.permutation(losses)[:127], np.maximum(np.arange(120) - 60, 0) * 0.005))
    spread = float(np.std(losses, ddof=1))
    return [
        Row(
            f"flights, performance: false alarms in a year of shuffled days (± {_error(false):.2f}, "
            f"{_YEARS} years)",
            float(np.mean(false)),
            "a year",
            1.0,
        ),
        Row("flights, performance: alarms of one model in the year as it was", _alarms(losses), "a year"),
        Row("flights, performance: spread of a day's log loss", spread, "log loss"),
        Row("flights, performance: days until +.15 log loss alarms, median", float(np.median(risen)), "days"),
        Row("flights, performance: the same for +.005 a day", float(np.median(slow)), "days"),
    ]


def _error(values: list[int]) -> float:
    return float(np.std(values, ddof=1)) / math.sqrt(len(values))


def _daily_losses(flights: Mapping[str, pd.DataFrame]) -> np.ndarray:
    """Return the log loss of each day from March on, of a model that learned from January and February."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    labelled = {day: rows.dropna(subset=["label"]) for day, rows in flights.items()}
    learned = pd.concat([rows for day, rows in labelled.items() if day < "2013-03-01"])
    model = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05, random_state=streams.SEED)
    model.fit(learned[streams.FLIGHT_NUMBERS], learned["label"])
    found = []
    for day, rows in labelled.items():
        if day >= "2013-03-01" and len(rows):
            score = model.predict_proba(rows[streams.FLIGHT_NUMBERS])[:, 1]
            found.append(float(-np.log(np.where(rows["label"] == 1, score, 1 - score)).mean()))
    return np.array(found)


def _alarm_on(losses: np.ndarray, day: int) -> bool:
    """Ask the rule on one day; the first seven losses are the holdout."""
    live = losses[7:][max(0, day + 1 - _ALARM.window_days) : day + 1]
    evidence = PerformanceEvidence(
        model_version="1",
        live={
            f"{k:04d}": DayPerformance(rows=900, loss=float(loss), metric=None) for k, loss in enumerate(live)
        },
        holdout_losses=losses[:7].tolist(),
    )
    return check(evidence, _ALARM).verdict.value == "warn"


def _alarms(losses: np.ndarray) -> int:
    """Count how often the alarm starts; one that stands for days is one."""
    said = [_alarm_on(losses, day) for day in range(len(losses) - 7)]
    return sum(now and not before for before, now in zip([False, *said], said, strict=False))


def _delay(losses: np.ndarray, rise: np.ndarray) -> float:
    changed = np.concatenate([losses[:7], losses[7:] + rise])
    start = int(np.argmax(rise > 0))
    return next((day - start + 1.0 for day in range(start, len(rise)) if _alarm_on(changed, day)), math.inf)
