"""The verdict on a training set: enough of it, and no leak."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict, worst
from include.use_case_sections import Training

RULE = "plain limits on partitions; largest AUC of a single feature on days that it was not encoded on"


class TrainingEvidence(BaseModel):
    """Figures of a training set.

    Attributes:
        missing: partitions of the window without usable rows: refused, late, or never landed.
        feature_set_versions: versions found among the rows; there must be one, and it must be today's.
        single_feature_auc: AUC of each feature alone, folded so that it lies above .5; None where the days
            hold too little to say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["training"] = "training"
    reason: str
    train_partitions: int
    holdout_partitions: int
    train_rows: int
    holdout_rows: int
    positives: int
    missing: list[str]
    feature_set_version: str
    feature_set_versions: list[str]
    single_feature_auc: dict[str, float | None]


def check(evidence: TrainingEvidence, policy: Training) -> Ruling:
    """Judge a training set by its figures."""
    refused: list[str] = []
    if evidence.train_partitions < policy.min_training_partitions:
        refused.append(
            f"{evidence.train_partitions} partitions to learn from, needed {policy.min_training_partitions}"
        )
    if evidence.holdout_partitions < policy.min_holdout_partitions:
        refused.append(
            f"{evidence.holdout_partitions} partitions held out, needed {policy.min_holdout_partitions}"
        )
    unchecked = [name for name, auc in evidence.single_feature_auc.items() if auc is None]
    if evidence.train_rows and evidence.positives in {0, evidence.train_rows}:
        refused.append(f"all {evidence.train_rows} rows have the same label")
    elif unchecked:
        refused.append(f"not checked for a leak, for want of both labels on the days: {', '.join(unchecked)}")
    if evidence.feature_set_versions not in ([], [evidence.feature_set_version]):
        refused.append(
            f"rows were built with feature versions {evidence.feature_set_versions}, the definitions are now "
            f"{evidence.feature_set_version}; backfill the ingest DAG over the window"
        )
    limit = policy.max_single_feature_auc
    refused += [
        f"feature {name} alone reaches AUC {auc:.3f}, above {limit}: it looks like a leak"
        for name, auc in evidence.single_feature_auc.items()
        if auc is not None and not auc <= limit
    ]
    warned = [f"no usable rows for {', '.join(evidence.missing)}"] if evidence.missing else []
    verdict = worst([Verdict.REFUSE] * bool(refused) + [Verdict.WARN] * bool(warned) + [Verdict.PASS])
    summary = f"{evidence.train_rows} rows of {evidence.train_partitions} days to learn from"
    return Ruling(verdict=verdict, reasons=[*refused, *warned] or [summary], rule=RULE)
