"""Rows of a batch as definitions see them: typed, named by their key, and in an order of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import pandas as pd

from include.features.inputs import canonical
from include.row_keys import row_keys

if TYPE_CHECKING:
    from include.use_case import UseCase

# One resolution for all times, so that text and timestamps of any origin can be compared.
MOMENT: Final = "datetime64[us, UTC]"


@dataclass(frozen=True)
class Ordered:
    """Rows of one or more partitions, sorted by partition, event time and key.

    The order in which a file held its rows is then of no matter to what is built from them.

    Attributes:
        rows: in the types of the contract, with `partition` and `known_at`.
        keys: their row keys.
        times: of their events, UTC.
    """

    rows: pd.DataFrame
    keys: pd.Series
    times: pd.Series


def ordered(use_case: UseCase, rows: pd.DataFrame) -> Ordered:
    """Prepare the rows of one or more partitions; they carry `partition` and `known_at`.

    Raises:
        UseCaseError: a value does not fit the type that the contract declares.
    """
    typed = canonical(use_case.contract.kept, rows.reset_index(drop=True))
    keys, times = row_keys(use_case, typed), moments(typed[use_case.source.event_time])
    by = pd.DataFrame({"partition": typed["partition"], "times": times, "keys": keys})
    order = by.sort_values(["partition", "times", "keys"], kind="stable").index.to_numpy()
    return Ordered(
        typed.take(order).reset_index(drop=True),
        keys.take(order).reset_index(drop=True),
        times.take(order).reset_index(drop=True),
    )


def moments(times: pd.Series, *, unreadable: bool = False) -> pd.Series:
    """Return ISO 8601 texts or timestamps in UTC; with `unreadable` a text that is no time becomes null."""
    errors: Literal["coerce", "raise"] = "coerce" if unreadable else "raise"
    found: pd.Series = pd.to_datetime(times, utc=True, format="ISO8601", errors=errors)
    return found.astype(MOMENT)
