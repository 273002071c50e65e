"""Changes that are put into real rows, so that a rule which overlooks them can be caught at it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

Change = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def share(column: str, value: str, points: float) -> Change:
    """Give some rows another category, so that its share rises by so much."""

    def change(rows: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
        others = np.flatnonzero((rows[column] != value).to_numpy())
        chosen = random.choice(others, min(round(points * len(rows)), len(others)), replace=False)
        values = rows[column].to_numpy(dtype=object).copy()
        values[chosen] = value
        return rows.assign(**{column: values})

    return change


def nulls(column: str) -> Change:
    """Lose one value in twenty."""
    return lambda rows, random: rows.assign(**{column: rows[column].mask(random.random(len(rows)) < 0.05)})


def shift(column: str, deviations: float) -> Change:
    """Add so many standard deviations to every value."""
    return lambda rows, random: rows.assign(**{column: rows[column] + deviations * rows[column].std()})


def flip(column: str) -> Change:
    """Turn the order of a column round: its distribution stays, its correlations change their sign."""

    def change(rows: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
        order = np.argsort(rows[column].to_numpy(), kind="stable")
        values = np.empty(len(rows))
        values[order] = rows[column].to_numpy()[order[::-1]]
        return rows.assign(**{column: values})

    return change
