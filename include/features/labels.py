"""Labels from the rows of batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from include.features.dates import Days, dates_of, days_of, of_partitions
from include.features.ordering import Ordered, ordered
from include.lake import LABEL, PARTITION, ROW_KEY
from include.problems import kind_of
from include.use_case_sections import ThresholdLabel

if TYPE_CHECKING:
    from include.use_case import UseCase


def build_labels(use_case: UseCase, rows: pd.DataFrame, partition: str) -> pd.DataFrame:
    """Return the labels of one batch as `labels_of` does."""
    batch = ordered(use_case, rows.assign(**{PARTITION: partition}))
    return labels_of(use_case, batch).drop(columns=PARTITION)


def labels_of(use_case: UseCase, batch: Ordered) -> pd.DataFrame:
    """Return `partition`, `row_key`, `label` (typed by the problem's kind, or null), and when it is known.

    A row whose outcome never came, such as a cancelled flight, has no label; it is not a zero.
    """
    return pd.DataFrame(
        {
            PARTITION: batch.rows[PARTITION].astype(str),
            ROW_KEY: batch.keys,
            LABEL: outcomes(use_case, batch.rows),
            "known_at": dates_of(known_outcomes(use_case, batch.rows)),
        }
    )


def outcomes(use_case: UseCase, rows: pd.DataFrame) -> pd.Series:
    """Return the label of each row, null where its outcome never came."""
    rule = use_case.labels
    outcome = rows[rule.column]
    if isinstance(rule, ThresholdLabel):
        outcome = (outcome > rule.above).astype("boolean").where(outcome.notna())
    return kind_of(use_case.problem).typed(outcome)


def known_outcomes(use_case: UseCase, rows: pd.DataFrame) -> Days:
    """Return from which day the outcome of each row may be seen; rows carry `partition` and `known_at`."""
    arrival = of_partitions(rows[PARTITION]) + np.timedelta64(use_case.labels.delay_days, "D")
    return np.maximum(days_of(rows["known_at"]), arrival)
