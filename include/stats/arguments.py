"""Checks of arguments that several modules of this folder share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def require_level(alpha: float, name: str = "alpha") -> None:
    """Check an error rate.

    Raises:
        ValueError: not in (0, 0.5]; above one half a lower bound would lie above its upper bound.
    """
    if not 0 < alpha <= 0.5:  # noqa: PLR2004 -- one half is the definition, not a tuning value
        raise ValueError(f"{name} is {alpha}; give an error rate above 0 and at most 0.5, e.g. 0.01")


def finite_vector(values: Sequence[float] | Vector, name: str, *, at_least: int = 1) -> Vector:
    """Return the values as a one-dimensional float array.

    Raises:
        ValueError: not one-dimensional, shorter than `at_least`, or holding NaN or an infinity.
    """
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1:
        raise ValueError(f"{name} has {vector.ndim} dimensions; give a flat list of numbers")
    if len(vector) < at_least:
        raise ValueError(f"{name} holds {len(vector)} values; at least {at_least} are needed")
    if not np.isfinite(vector).all():
        count = int((~np.isfinite(vector)).sum())
        raise ValueError(f"{name} holds {count} values that are NaN or infinite; drop or mend them first")
    return vector
