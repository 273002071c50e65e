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
from include.use_case_sections.contract_rules import (
    Comparison,
    DoorDrift,
    Freshness,
    ImpliesNull,
    Reference,
    Replayed,
    RowRule,
    RulePolicy,
    Trailing,
    TrailingRange,
)
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
from include.use_case_sections.problem import (
    BinaryProblem,
    CountProblem,
    MulticlassProblem,
    Problem,
    RegressionProblem,
)
from include.use_case_sections.promotion import Promotion
from include.use_case_sections.source import PathTemplate, SideTable, Source
from include.use_case_sections.training import GradientBoosting, LogisticRegression, Model, Training

__all__ = [
    "METRICS",
    "NAME_PATTERN",
    "Alpha",
    "BaselineGate",
    "BinaryProblem",
    "ChampionGate",
    "Column",
    "ColumnLabel",
    "Comparison",
    "Contract",
    "CountProblem",
    "Days",
    "DoorDrift",
    "Drift",
    "Evaluation",
    "EvaluationGate",
    "Features",
    "FloorGate",
    "Freshness",
    "GradientBoosting",
    "Identifier",
    "ImpliesNull",
    "Labels",
    "LogisticRegression",
    "Metric",
    "Model",
    "Monitoring",
    "MulticlassProblem",
    "PathTemplate",
    "Performance",
    "Problem",
    "Promotion",
    "Reference",
    "RegressionProblem",
    "Replayed",
    "Retraining",
    "RowRule",
    "RulePolicy",
    "Section",
    "Severity",
    "Share",
    "SideTable",
    "Source",
    "TableSeverity",
    "ThresholdLabel",
    "Trailing",
    "TrailingRange",
    "Training",
    "Volume",
]
