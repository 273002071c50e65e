"""The verdict on a training set: enough of it, and no leak."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict, worst
from include.use_case_sections import Training

RULE = (
    "plain limits on partitions; AUC or rank correlation of each feature and of a shallow model of all, on "
    "days that it was not learned from; no row from after its as-of; no entity on both sides"
)
Measure = Literal["auc", "correlation"]


class TrainingEvidence(BaseModel):
    """Figures of a training set.

    Attributes:
        positives: rows whose label is 1; None where labels are no yes or no.
        label_varies: whether the rows to learn from have more than one label.
        missing: partitions of the window without usable rows.
        missing_because: the same by reason, as the ledger tells it.
        feature_set_versions: versions that days of the window stand in; there must be one, and it must be
            today's.
        built_otherwise: days that hold features of other versions only.
        use_case: whose days; for the command that builds them again.
        measure: what the leak figures are: AUC for classes, size of the rank correlation for numbers.
        single_feature_auc: figure of each feature alone; AUCs are folded so that they lie above .5. None
            where the days hold too little to say.
        joint: figure of a shallow model of all features; None likewise.
        joint_blamed: features without which it falls most; empty when it is not above its limit.
        reads_outcome: columns known only after the outcome that a feature reads, by feature.
        impossible: rows that cannot be what they say, by what is wrong.
        shared_entities: values that stand in training and holdout, by declared column.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["training"] = "training"
    reason: str
    train_partitions: int
    holdout_partitions: int
    train_rows: int
    holdout_rows: int
    positives: int | None
    label_varies: bool = True
    missing: list[str]
    missing_because: dict[str, list[str]] = {}
    feature_set_version: str
    feature_set_versions: list[str]
    built_otherwise: list[str] = []
    use_case: str = ""
    measure: Measure = "auc"
    single_feature_auc: dict[str, float | None]
    joint: float | None = None
    joint_blamed: list[str] = []
    reads_outcome: dict[str, list[str]] = {}
    impossible: dict[str, int] = {}
    shared_entities: dict[str, int] = {}


def check(evidence: TrainingEvidence, policy: Training) -> Ruling:
    """Judge a training set by its figures."""
    refused = [*_too_little(evidence, policy), *_leaks(evidence, policy)]
    warned = [
        f"no usable rows for {', '.join(days)}: {reason}" for reason, days in evidence.missing_because.items()
    ]
    if evidence.missing and not evidence.missing_because:
        warned = [f"no usable rows for {', '.join(evidence.missing)}"]
    verdict = worst([Verdict.REFUSE] * bool(refused) + [Verdict.WARN] * bool(warned) + [Verdict.PASS])
    summary = f"{evidence.train_rows} rows of {evidence.train_partitions} days to learn from"
    return Ruling(verdict=verdict, reasons=[*refused, *warned] or [summary], rule=RULE)


def _too_little(evidence: TrainingEvidence, policy: Training) -> Iterator[str]:
    if evidence.train_partitions < policy.min_training_partitions:
        yield f"{evidence.train_partitions} partitions to learn from, needed {policy.min_training_partitions}"
    if evidence.holdout_partitions < policy.min_holdout_partitions:
        yield f"{evidence.holdout_partitions} partitions held out, needed {policy.min_holdout_partitions}"
    unchecked = [name for name, figure in evidence.single_feature_auc.items() if figure is None]
    if evidence.train_rows and (not evidence.label_varies or evidence.positives in {0, evidence.train_rows}):
        yield f"all {evidence.train_rows} rows have the same label"
    elif unchecked:
        yield f"not checked for a leak, for want of both labels on the days: {', '.join(unchecked)}"
    if evidence.feature_set_versions not in ([], [evidence.feature_set_version]):
        days = evidence.built_otherwise
        span = f"--from {days[0]} --to {days[-1]}" if days else "--from FIRST --to LAST"
        yield (
            f"{len(days) or 'some'} days were built with feature versions {evidence.feature_set_versions}, "
            f"the definitions are now {evidence.feature_set_version}; build them again with: "
            f"./airlock rebuild-features {evidence.use_case + ' ' if evidence.use_case else ''}{span}"
        )


def _leaks(evidence: TrainingEvidence, policy: Training) -> Iterator[str]:
    named, single, joint = {
        "auc": ("AUC", policy.max_single_feature_auc, policy.max_joint_auc),
        "correlation": (
            "rank correlation",
            policy.max_single_feature_correlation,
            policy.max_joint_correlation,
        ),
    }[evidence.measure]
    for feature, columns in evidence.reads_outcome.items():
        yield f"feature {feature} reads {', '.join(columns)}, known only after the outcome"
    for feature, figure in evidence.single_feature_auc.items():
        if figure is not None and not figure <= single:
            above = f"{named} {figure:.3f}, above {single}"
            yield f"feature {feature} alone reaches {above}: it looks like a leak"
    if evidence.joint is not None and not evidence.joint <= joint:
        yield (
            f"a shallow model of all features reaches {named} {evidence.joint:.3f}, above {joint}: they look "
            f"like a leak together, {' and '.join(evidence.joint_blamed) or 'no one'} most of all"
        )
    for fault, count in evidence.impossible.items():
        yield f"{count} {fault}: they were written with what came later"
    for column, count in evidence.shared_entities.items():
        if count:
            yield f"{count} values of {column} stand in training and holdout, declared to be disjoint"
