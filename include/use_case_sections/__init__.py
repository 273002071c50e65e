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
)
from include.use_case_sections.card import Card
from include.use_case_sections.contract import Column, Contract, Volume
from include.use_case_sections.evaluation import (
    BaselineGate,
    ChampionGate,
    Evaluation,
    EvaluationGate,
    FloorGate,
)
from include.use_case_sections.evaluation_rules import (
    BudgetGate,
    CalibrationGate,
    ConditionsGate,
    CostMatrix,
    FairnessGate,
    GoldenCase,
    GoldenGate,
    InvarianceGate,
    Replace,
    Shift,
    Shuffle,
    SlicesGate,
    StabilityGate,
    ValueFunction,
    ValueGate,
)
from include.use_case_sections.features import Features
from include.use_case_sections.labels import ColumnLabel, Labels, ThresholdLabel
from include.use_case_sections.metrics import RELATIVE_METRICS, USUAL_FLOORS, HoldoutMetric
from include.use_case_sections.monitoring import Drift, Monitoring, Performance, Retraining
from include.use_case_sections.problem import (
    BinaryProblem,
    CountProblem,
    MulticlassProblem,
    Problem,
    RegressionProblem,
)
from include.use_case_sections.promotion import Approval, Promotion
from include.use_case_sections.source import PathTemplate, SideTable, Source
from include.use_case_sections.training import GradientBoosting, LogisticRegression, Model, Training

__all__ = [
    "METRICS",
    "NAME_PATTERN",
    "RELATIVE_METRICS",
    "USUAL_FLOORS",
    "Alpha",
    "Approval",
    "BaselineGate",
    "BinaryProblem",
    "BudgetGate",
    "CalibrationGate",
    "Card",
    "ChampionGate",
    "Column",
    "ColumnLabel",
    "ConditionsGate",
    "Contract",
    "CostMatrix",
    "CountProblem",
    "Days",
    "Drift",
    "Evaluation",
    "EvaluationGate",
    "FairnessGate",
    "Features",
    "FloorGate",
    "GoldenCase",
    "GoldenGate",
    "GradientBoosting",
    "HoldoutMetric",
    "Identifier",
    "InvarianceGate",
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
    "RegressionProblem",
    "Replace",
    "Retraining",
    "Section",
    "Severity",
    "Share",
    "Shift",
    "Shuffle",
    "SideTable",
    "SlicesGate",
    "Source",
    "StabilityGate",
    "ThresholdLabel",
    "Training",
    "ValueFunction",
    "ValueGate",
    "Volume",
]
