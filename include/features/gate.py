"""The verdict on the features of one partition."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict, worst
from include.use_case_sections import Features

RULE = "plain limits on the built features: row count, key, null share, range"


class FeatureEvidence(BaseModel):
    """Figures of the built features.

    Attributes:
        nulls: nulls by feature, where there are any.
        max_null_shares: limits of the features that declare one of their own.
        out_of_range: values that were outside the declared range and were made null, by feature.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["features"] = "features"
    feature_set_version: str
    features: int
    batch_rows: int
    rows: int
    repeated_keys: int
    labelled: int
    nulls: dict[str, int]
    max_null_shares: dict[str, float] = {}
    out_of_range: dict[str, int]


def check(evidence: FeatureEvidence, policy: Features) -> Ruling:
    """Judge the features by their figures."""
    found: list[tuple[Verdict, str]] = []
    if evidence.rows == 0:
        found.append((Verdict.REFUSE, "the batch has no rows"))
    if evidence.rows != evidence.batch_rows:
        found.append(
            (Verdict.REFUSE, f"{evidence.rows} rows were built from {evidence.batch_rows} rows of the batch")
        )
    if evidence.repeated_keys:
        found.append(
            (Verdict.REFUSE, f"{evidence.repeated_keys} row keys appear more than once; see problem.key")
        )
    for name, nulls in evidence.nulls.items():
        share = nulls / max(evidence.rows, 1)
        limit = evidence.max_null_shares.get(name, policy.max_null_share)
        if share > limit:
            found.append((Verdict.REFUSE, f"{name} is null in {share:.1%} of rows, allowed {limit:.1%}"))
    found += [
        (Verdict.WARN, f"{name} had {count} values outside its range; they were made null")
        for name, count in evidence.out_of_range.items()
    ]
    verdict = worst([verdict for verdict, _ in found]) if found else Verdict.PASS
    reasons = [reason for _, reason in sorted(found, key=lambda item: item[0] is not Verdict.REFUSE)]
    return Ruling(
        verdict=verdict,
        reasons=reasons or [f"{evidence.features} features of {evidence.rows} rows"],
        rule=RULE,
    )
