"""The sections of a `use_case.yaml`: frozen, closed, with a default for every threshold that has a right one.

Durations are days and thresholds are shares between 0 and 1 unless a name says otherwise.
"""

from include.use_case_sections.base import (
    METRICS,
    NAME_PATTERN,
    Alpha,
    Days,
    Identifier,
    Metric,
    Section,
    Severity,
    Share,
    TableSeverity,
)
from include.use_case_sections.contract import Column, Contract, Volume
from include.use_case_sections.evaluation import (
    BaselineGate,
    ChampionGate,
    Evaluation,
    EvaluationGate,
    FloorGate,
)
from include.use_case_sections.features import Features
from include.use_case_sections.labels import ColumnLabel, Labels, ThresholdLabel
from include.use_case_sections.monitoring import Drift, Monitoring, Performance, Retraining
from include.use_case_sections.privacy import Drop, Generalise, Hash, Mask, Pii, Privacy
from include.use_case_sections.problem import (
    BinaryProblem,
    CountProblem,
    MulticlassProblem,
    Problem,
    RegressionProblem,
)
from include.use_case_sections.promotion import Promotion
from include.use_case_sections.source import (
    DEFAULT_KIND,
    ISO_8601,
    CsvFiles,
    FileSource,
    JsonLinesFiles,
    ParquetFiles,
    PathTemplate,
    PythonFunction,
    SideTable,
    Source,
    SqlQuery,
    TableSource,
    Wait,
)
from include.use_case_sections.training import GradientBoosting, LogisticRegression, Model, Training

__all__ = [
    "DEFAULT_KIND",
    "ISO_8601",
    "METRICS",
    "NAME_PATTERN",
    "Alpha",
    "BaselineGate",
    "BinaryProblem",
    "ChampionGate",
    "Column",
    "ColumnLabel",
    "Contract",
    "CountProblem",
    "CsvFiles",
    "Days",
    "Drift",
    "Drop",
    "Evaluation",
    "EvaluationGate",
    "Features",
    "FileSource",
    "FloorGate",
    "Generalise",
    "GradientBoosting",
    "Hash",
    "Identifier",
    "JsonLinesFiles",
    "Labels",
    "LogisticRegression",
    "Mask",
    "Metric",
    "Model",
    "Monitoring",
    "MulticlassProblem",
    "ParquetFiles",
    "PathTemplate",
    "Performance",
    "Pii",
    "Privacy",
    "Problem",
    "Promotion",
    "PythonFunction",
    "RegressionProblem",
    "Retraining",
    "Section",
    "Severity",
    "Share",
    "SideTable",
    "Source",
    "SqlQuery",
    "TableSeverity",
    "TableSource",
    "ThresholdLabel",
    "Training",
    "Volume",
    "Wait",
]
