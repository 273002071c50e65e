"""Which days the demo replays, week by week, and after which of them it trains."""

from __future__ import annotations

from dataclasses import dataclass

from include import partitions

FIRST_DAY = "2013-01-01"
# Over half of the flights were cancelled; nothing else of these weeks breaks the contract.
BLIZZARD = frozenset({"2013-02-08", "2013-02-09"})


@dataclass(frozen=True)
class Week:
    """Some days up to a Sunday, and the training on the Monday after.

    Attributes:
        drill: whether the landed files of these days were altered on purpose.
    """

    days: tuple[str, ...]
    drill: bool = False

    @property
    def as_of(self) -> str:
        return partitions.shift(self.days[-1], 1)


def weeks_from(first: str, count: int, *, drill: bool = False) -> list[Week]:
    """Return consecutive weeks; the first may be short, because all end on a Sunday.

    >>> [week.days[-1] for week in weeks_from("2013-01-01", 2)]
    ['2013-01-06', '2013-01-13']
    """
    weeks: list[Week] = []
    day = first
    for _ in range(count):
        last = partitions.shift(day, 6 - partitions.parse(day).weekday())
        weeks.append(Week(tuple(partitions.span(day, last)), drill=drill))
        day = partitions.shift(last, 1)
    return weeks
