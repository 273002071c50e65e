"""Lineage: from a prediction back to the bytes that landed, and from a raw file forward to what it led to.

Everything is read from the lake, the ledger and MLflow; nothing here writes.
"""

from include.lineage.aside import SetAside, set_aside
from include.lineage.backward import Trace, trace
from include.lineage.facts import RawFile, Row, Rows, landed_files, rows_of
from include.lineage.forward import Appearance, Follower, ModelUse, follow
from include.lineage.runs import Run, find_runs, mlflow_answers, read_run
from include.lineage.terms import Term, champion_terms
from include.lineage.without import ModelWithout, trained_without

__all__ = [
    "Appearance",
    "Follower",
    "ModelUse",
    "ModelWithout",
    "RawFile",
    "Row",
    "Rows",
    "Run",
    "SetAside",
    "Term",
    "Trace",
    "champion_terms",
    "find_runs",
    "follow",
    "landed_files",
    "mlflow_answers",
    "read_run",
    "rows_of",
    "set_aside",
    "trace",
    "trained_without",
]
