"""The same definitions on Spark, for histories that are too long for one machine.

Spark spreads the days over its workers, by its own pandas and Arrow functions. A worker reads what one day
needs from the lake, as the build of that day does, and runs the very code of that build. So no value passes
through another engine's types, no definition is written twice, and the results are equal to the bit.

What a worker holds is one day, with the side tables and the daily sums that the day may see: never the
history. The sums of all days are made first, each from its own day.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from include.errors import ConfigurationError, NotFound
from include.feature_shipping import ship
from include.features.building import features_of
from include.features.gathering import Material, contents_of, days_before, longest_window
from include.features.history import COLUMNS, wanted_of
from include.features.ordering import ordered as ordered_rows
from include.features.sums import current_aggregates, sums_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from include.feature_sets import FeatureSet
    from include.features.history import Wanted
    from include.lake import Lake
    from include.use_case import UseCase

    _Work = Callable[[str], pd.DataFrame]

_DAYS_AT_ONCE = 31  # days whose sums travel to the driver together


def build_on_spark(
    spark: SparkSession,
    use_case: UseCase,
    features: FeatureSet,
    days: Sequence[str],
    *,
    lake: Lake,
    wanted: Wanted | None = None,
) -> DataFrame:
    """Build the features of many days on the workers of a Spark session.

    The workers need this project and its packages, and reach the lake as this process does; definitions are
    sent to them. The daily sums are brought up to date in the lake first.

    Args:
        spark: the session.
        use_case: whose days.
        features: what to compute.
        days: data dates, each with a batch.
        lake: where the batches, side tables and daily sums are.
        wanted: what is summed up each day, also for feature sets that stand beside this one; None when it
            stands alone.

    Returns:
        The rows of `build_features`: one for each row of the batches, with `partition`, `row_key`,
        `event_time`, the features in their order and `known_at`. They are computed when they are asked for.

    Raises:
        UseCaseError: a definition cannot be sent, or fails on the first day; on later days Spark raises its
            own error, which tells this one.
        NotFound: a day has no batch.
        ConfigurationError: PySpark is not installed.
    """
    content = ship(features)
    contents = contents_of(lake, use_case.name, "batches")
    ordered = sorted(set(days))
    if missing := [day for day in ordered if day not in contents]:
        raise NotFound(f"No batch of {use_case.name} is published for {', '.join(missing)}; ingest it first")
    wanted = wanted or wanted_of(features.of_history)
    _sum_up(
        spark, use_case, wanted, days_before(ordered, longest_window(features.of_history), own=True), lake
    )
    # The first day is built here as well: it shows the types, and it names a wrong definition.
    schema = _arrow(_built(use_case, features, wanted, lake, ordered[0])).schema
    work = partial(_build_each, content, use_case, wanted, lake)
    return _over_days(spark, ordered, work, schema)


def _sum_up(spark: SparkSession, use_case: UseCase, wanted: Wanted, days: Sequence[str], lake: Lake) -> None:
    """Bring the daily sums of all windows up to date, a month at a time."""

    def summed(some: list[str]) -> pd.DataFrame:
        work = partial(_sum_each, use_case, wanted, lake)
        found: pd.DataFrame = _over_days(spark, some, work, _sums_schema()).toArrow().to_pandas()
        return found.sort_values(list(COLUMNS), ignore_index=True)

    contents = contents_of(lake, use_case.name, "batches")
    for start in range(0, len(days) if wanted else 0, _DAYS_AT_ONCE):
        some = days[start : start + _DAYS_AT_ONCE]
        current_aggregates(use_case, wanted, some, lake, contents, summed=summed)


def _over_days(spark: SparkSession, days: Sequence[str], work: _Work, schema: pa.Schema) -> DataFrame:
    """Do some work on each day, in a task of its own."""
    try:
        from pyspark.sql.pandas.types import from_arrow_schema
    except ImportError as error:
        raise ConfigurationError(
            "PySpark is not installed; it comes with requirements-dev.txt, or with: pip install pyspark"
        ) from error
    numbers = spark.range(0, len(days), 1, len(days))
    return numbers.mapInArrow(partial(_batches, tuple(days), work, schema), from_arrow_schema(schema))


def _batches(
    days: Sequence[str], work: _Work, schema: pa.Schema, numbers: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in numbers:
        for number in batch.column(0).to_pylist():
            yield from _arrow(work(days[number]), schema).to_batches()


def _build_each(content: bytes, use_case: UseCase, wanted: Wanted, lake: Lake, day: str) -> pd.DataFrame:
    # The bytes are those that `build_on_spark` made.
    return _built(use_case, pickle.loads(content), wanted, lake, day)  # noqa: S301 -- made by our own driver


def _sum_each(use_case: UseCase, wanted: Wanted, lake: Lake, day: str) -> pd.DataFrame:
    return sums_of(use_case, wanted, [day], lake)


def _built(use_case: UseCase, features: FeatureSet, wanted: Wanted, lake: Lake, day: str) -> pd.DataFrame:
    material = Material(use_case, features, wanted, [day], lake, publish=False)
    batch = ordered_rows(use_case, material.rows)
    return features_of(use_case, features, batch, material.side_tables, material.aggregates).rows


def _arrow(rows: pd.DataFrame, schema: pa.Schema | None = None) -> pa.Table:
    """Convert rows; without a single value the type of a column cannot be seen, and it is taken for text."""
    import pyarrow as pa

    if schema is None:
        seen = pa.Schema.from_pandas(rows, preserve_index=False)
        schema = pa.schema(
            [field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in seen]
        ).remove_metadata()
    return pa.Table.from_pandas(rows, schema=schema, preserve_index=False).replace_schema_metadata()


def _sums_schema() -> pa.Schema:
    import pyarrow as pa

    types = {"known_at": pa.date32(), "count": pa.int64(), "total": pa.float64()}
    return pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS])
