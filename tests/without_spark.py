"""Imported before Great Expectations by tests whose process has no main file, such as workers of pytest.

There PySpark would take itself for a test of its own when Great Expectations looks for its remote half, and
end the process.
"""

import sys

sys.modules["pyspark.sql.connect"] = None  # type: ignore[assignment]
