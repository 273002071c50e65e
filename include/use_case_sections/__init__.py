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
from include.use_case_sections.monitoring import Drift, Monitoring, Performance
from include.use_case_sections.problem import Problem
from include.use_case_sections.promotion import Promotion
from include.use_case_sections.retraining import Retraining, Trigger
from include.use_case_sections.source import PathTemplate, SideTable, Source
from include.use_case_sections.training import GradientBoosting, LogisticRegression, Model, Training

__all__ = [
    "METRICS",
    "NAME_PATTERN",
    "Alpha",
    "BaselineGate",
    "ChampionGate",
    "Column",
    "ColumnLabel",
    "Contract",
    "Days",
    "Drift",
    "Evaluation",
    "EvaluationGate",
    "Features",
    "FloorGate",
    "GradientBoosting",
    "Identifier",
    "Labels",
    "LogisticRegression",
    "Metric",
    "Model",
    "Monitoring",
    "PathTemplate",
    "Performance",
    "Problem",
    "Promotion",
    "Retraining",
    "Section",
    "Severity",
    "Share",
    "SideTable",
    "Source",
    "ThresholdLabel",
    "Training",
    "Trigger",
    "Volume",
]
