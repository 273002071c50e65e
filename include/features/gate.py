"""The verdict on the features of one partition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict, worst
from include.use_case_sections import Features

RULE = "plain limits on the built features: row count, key, null share, range"
_VERDICTS = {"warn": Verdict.WARN, "refuse": Verdict.REFUSE}
_Finding = tuple[Verdict, str]


class FeatureEvidence(BaseModel):
    """Figures of the built features.

    Attributes:
        nulls: nulls by feature, where there are any.
        max_null_shares: limits of the features that declare one of their own.
        out_of_range: values that were outside the declared range and were made null, by feature.
        categories: different values of each category.
        constant: features with one and the same value in all rows, and for how many days in a row they have
            had it, this one included; no more days are counted than the policy asks for.
        duplicated: pairs of features that are equal in every row.
        off_date: rows whose event is of another date than the partition.
        off_date_allowed: their share that the contract lets through.
        early: rows that may be seen before the date of their event.
        unordered: rows whose event is earlier than that of the row before.
        missing_tables: side tables of which nothing was published for this date, though a feature needs them.
        table_faults: what is wrong with side tables where the events look.
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
    categories: dict[str, int] = {}
    constant: dict[str, int] = {}
    duplicated: list[tuple[str, str]] = []
    off_date: int = 0
    off_date_allowed: float = 1.0
    early: int = 0
    unordered: int = 0
    missing_tables: list[str] = []
    table_faults: list[str] = []


def check(evidence: FeatureEvidence, policy: Features) -> Ruling:
    """Judge the features by their figures."""
    found = [*_of_rows(evidence), *_of_tables(evidence), *_of_values(evidence, policy)]
    found += _of_shape(evidence, policy)
    verdict = worst([verdict for verdict, _ in found]) if found else Verdict.PASS
    reasons = [reason for _, reason in sorted(found, key=lambda item: item[0] is not Verdict.REFUSE)]
    return Ruling(
        verdict=verdict,
        reasons=reasons or [f"{evidence.features} features of {evidence.rows} rows"],
        rule=RULE,
    )


def _of_rows(evidence: FeatureEvidence) -> Iterator[_Finding]:
    if evidence.rows == 0:
        yield Verdict.REFUSE, "the batch has no rows"
    if evidence.rows != evidence.batch_rows:
        yield (
            Verdict.REFUSE,
            f"{evidence.rows} rows were built from {evidence.batch_rows} rows of the batch",
        )
    if evidence.repeated_keys:
        yield Verdict.REFUSE, f"{evidence.repeated_keys} row keys appear more than once; see problem.key"
    allowed = evidence.off_date_allowed
    for count, what in (
        (evidence.off_date, "rows are of another date than their partition"),
        (evidence.early, "rows may be seen before the date of their event"),
    ):
        if count > allowed * evidence.rows:
            share = f"{count / evidence.rows:.1%}, allowed {allowed:.1%}"
            yield Verdict.REFUSE, f"{count} {what} ({share}); see contract.max_off_date_share"
    if evidence.unordered:
        yield Verdict.REFUSE, f"{evidence.unordered} rows are not in the order of their events"


def _of_tables(evidence: FeatureEvidence) -> Iterator[_Finding]:
    for table in evidence.missing_tables:
        yield (
            Verdict.REFUSE,
            f"nothing was published of the side table {table} for this date; land it and ingest the "
            "partition again, or declare when_missing='null'",
        )
    for fault in evidence.table_faults:
        yield Verdict.REFUSE, fault


def _of_values(evidence: FeatureEvidence, policy: Features) -> Iterator[_Finding]:
    rows = max(evidence.rows, 1)
    for name, nulls in evidence.nulls.items():
        limit = evidence.max_null_shares.get(name, policy.max_null_share)
        if nulls / rows > limit:
            yield Verdict.REFUSE, f"{name} is null in {nulls / rows:.1%} of rows, allowed {limit:.1%}"
    for name, count in evidence.out_of_range.items():
        outside = f"{name} had {count} values outside its range; they were made null"
        if count / rows > policy.max_out_of_range_share:
            allowed = f"{count / rows:.1%} of rows, allowed {policy.max_out_of_range_share:.1%}"
            yield Verdict.REFUSE, f"{outside} ({allowed})"
        else:
            yield Verdict.WARN, outside
    for name, count in evidence.categories.items():
        if count > policy.max_categories:
            yield (
                Verdict.REFUSE,
                f"{name} has {count} different values, allowed {policy.max_categories}; a name of each row "
                "is no category",
            )


def _of_shape(evidence: FeatureEvidence, policy: Features) -> Iterator[_Finding]:
    if evidence.rows < policy.min_rows:
        return
    if policy.constant != "allow":
        for name, days in evidence.constant.items():
            if days >= policy.constant_days:
                yield _VERDICTS[policy.constant], f"{name} has had one and the same value for {days} days"
    if policy.duplicated != "allow":
        for one, other in evidence.duplicated:
            yield _VERDICTS[policy.duplicated], f"{one} and {other} are equal in every row; remove one"
