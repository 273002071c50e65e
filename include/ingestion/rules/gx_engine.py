"""The suite run by Great Expectations itself, on a pandas frame in memory."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

from include.ingestion.reading import frame_of
from include.ingestion.rules.rows import ROW, Rows, Sql, quoted

if TYPE_CHECKING:
    import great_expectations as gx
    import pandas as pd
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult

Format = Literal["SUMMARY", "COMPLETE"]


def validate(
    suite: gx.ExpectationSuite, rows: Rows, *, result_format: Format = "SUMMARY"
) -> ExpectationSuiteValidationResult:
    """Run a suite on all rows at once."""
    return validate_frame(suite, frame_of_rows(rows), result_format=result_format)


def frame_of_rows(rows: Rows) -> pd.DataFrame:
    """Return all rows in their order, with the columns that rules make."""
    ordered = Sql(f" ORDER BY {ROW}")
    frame = _frame(rows, Sql("SELECT * FROM ") + rows.source + ordered).drop(columns=[ROW])
    made = {
        name: _frame(rows, Sql(f"SELECT {quoted(name)} FROM ") + source + ordered)[name]
        for name, source in rows.derived.items()
    }
    return frame.assign(**made)


def _frame(rows: Rows, question: Sql) -> pd.DataFrame:
    return frame_of(rows.read(question).read_all())


def validate_frame(
    suite: gx.ExpectationSuite, frame: pd.DataFrame, *, result_format: Format = "SUMMARY"
) -> ExpectationSuiteValidationResult:
    """Run a suite on a frame."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    definition = (
        context.data_sources.add_pandas("landed")
        .add_dataframe_asset(suite.name)
        .add_batch_definition_whole_dataframe("all")
    )
    batch = definition.get_batch(batch_parameters={"dataframe": frame})
    report: ExpectationSuiteValidationResult = batch.validate(suite, result_format=result_format)
    return report
