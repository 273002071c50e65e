"""Dates as numpy counts them: days, without a time of the day or a zone."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_DAYS = np.dtype("datetime64[D]")
Days = NDArray[np.datetime64]


def days_of(dates: pd.Series) -> Days:
    """Return `datetime.date` values, such as those of `known_at`, as days.

    >>> from datetime import date
    >>> days_of(pd.Series([date(2013, 2, 8)])).tolist()
    [datetime.date(2013, 2, 8)]
    """
    codes, different = pd.factorize(dates)
    return np.array(list(different), dtype=_DAYS)[codes]


def of_partitions(keys: pd.Series) -> Days:
    """Return the data dates of partition keys as days.

    >>> of_partitions(pd.Series(["2013-02-08"])).tolist()
    [datetime.date(2013, 2, 8)]
    """
    codes, different = pd.factorize(keys)
    return np.array([str(key) for key in different], dtype=_DAYS)[codes]


def dates_of(days: Days) -> pd.Series:
    """Return days as `datetime.date` values.

    >>> dates_of(np.array(["2013-02-08"], dtype="datetime64[D]")).tolist()
    [datetime.date(2013, 2, 8)]
    """
    return pd.Series(days.astype(object), dtype=object)
