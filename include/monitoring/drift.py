"""Whether a partition's features lie further from the days before it than is usual for this stream.

The mathematics stand in `include.stats.drift`, which the ingestion gate uses too.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict
from include.feature_sets import FeatureSet
from include.stats import drift as stats
from include.stats.two_sample import two_sample
from include.use_case_sections import Drift

if TYPE_CHECKING:
    import pandas as pd

GATE = "drift"
RULE = "conformal rank of the drift magnitude among comparable days of the stream (Vovk et al. 2005)"
SAMPLE_RULE = (
    "permutation min-p rule of the partition against the champion's training sample (Westfall & Young 1993)"
)
_KEPT_COLUMNS = 50
_KEPT_TESTS = 10
_NAMED_COLUMNS = 3


class ColumnDrift(BaseModel):
    """How far one column moved, how far it usually does, and how surprising that is.

    Attributes:
        marked_from: about the distance from which it alone would mark the day; None in older evidence, and
            where the past is too short.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    distance: float
    usual: float
    surprise: float
    marked_from: float | None = None


class ColumnTest(BaseModel):
    """One test of the two-sample rule: its share in what differs, and its p-value adjusted for all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    test: str
    column: str
    share: float
    p_value: float


class Samples(BaseModel):
    """The partition against the sample that the champion learned from; see `include.stats.two_sample`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    statistic: float
    p_value: float
    permutations: int
    reference_rows: int
    current_rows: int
    tests: list[ColumnTest]


class DriftEvidence(BaseModel):
    """Figures of one partition's drift.

    Attributes:
        magnitude: largest surprise of a column; None with too little history.
        columns: the 50 most surprising columns, the most surprising first.
        history: earlier magnitudes that it is ranked in.
        past: those magnitudes by partition; empty in older evidence.
        known_day: whether the calendar names the day, so that it has no comparable ones.
        samples: the two-sample rule: what moved and how surely; None without a reference.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["drift"] = "drift"
    magnitude: float | None
    columns: dict[str, ColumnDrift]
    history: int
    past: dict[str, float] = {}
    p_value: float | None
    known_day: bool = False
    samples: Samples | None = None


def check(evidence: DriftEvidence, policy: Drift) -> Ruling:
    """Judge a partition's drift. `warn` marks the partition; whether to act is for the retraining gate."""
    if policy.exchangeable:
        return _check_samples(evidence.samples, policy)

    def ruled(verdict: Verdict, reason: str) -> Ruling:
        return Ruling(verdict=verdict, reasons=[reason], rule=RULE, error_rate=policy.alpha)

    if evidence.known_day:
        return ruled(Verdict.UNDECIDED, "a day of monitoring.known_days; ordinary days do not compare")
    if evidence.magnitude is None or evidence.p_value is None or evidence.history < policy.min_history:
        return ruled(
            Verdict.UNDECIDED, f"{evidence.history} earlier days to compare with, needed {policy.min_history}"
        )
    # Read back from the ledger, the columns stand in the order of their names.
    moved = sorted(evidence.columns.items(), key=lambda item: -item[1].surprise)
    leading = [(name, found) for name, found in moved if found.distance][:_NAMED_COLUMNS]
    named = ", ".join(
        f"{name} moved {found.distance:.3f}, usually {found.usual:.3f}{_seen(found)}"
        for name, found in leading
    )
    marked = evidence.p_value <= policy.alpha
    return ruled(
        Verdict.WARN if marked else Verdict.PASS,
        f"p = {evidence.p_value:.3f} among {evidence.history} days; {named or 'no column moved'}",
    )


def _seen(moved: ColumnDrift) -> str:
    return "" if moved.marked_from is None else f", seen from {moved.marked_from:.3f}"


def _check_samples(samples: Samples | None, policy: Drift) -> Ruling:
    if samples is None:
        return Ruling(
            verdict=Verdict.UNDECIDED,
            reasons=["no reference and no rows to compare with it; train a model that keeps one"],
            rule=SAMPLE_RULE,
            error_rate=policy.sample_alpha,
        )
    named = ", ".join(f"{test.column} ({test.test})" for test in samples.tests[:_NAMED_COLUMNS])
    reason = (
        f"p = {samples.p_value:.3f} for {samples.current_rows} rows against {samples.reference_rows}; "
        f"most of it from {named}"
    )
    marked = samples.p_value <= policy.sample_alpha
    return Ruling(
        verdict=Verdict.WARN if marked else Verdict.PASS,
        reasons=[reason],
        rule=SAMPLE_RULE,
        error_rate=policy.sample_alpha,
    )


def compare_samples(
    reference: pd.DataFrame, current: pd.DataFrame, features: FeatureSet, policy: Drift, seed: int
) -> Samples | None:
    """Compare bounded samples of both sides by the two-sample rule; None where a side has no rows."""
    names = [name for name in features.names if name in reference and name in current]
    if reference.empty or current.empty or not names:
        return None
    drawn = [
        rows if len(rows) <= policy.sample_rows else rows.sample(policy.sample_rows, random_state=seed)
        for rows in (reference, current)
    ]
    found = two_sample(
        *drawn,
        numbers=[name for name in features.numbers if name in names],
        categories=[name for name in features.categories if name in names],
        seed=seed,
    )
    return Samples(
        statistic=round(found.statistic, 4),
        p_value=found.p_value,
        permutations=found.permutations,
        reference_rows=found.reference_rows,
        current_rows=found.current_rows,
        tests=[
            ColumnTest(test=test.test, column=test.column, share=round(test.share, 4), p_value=test.p_value)
            for test in found.tests[:_KEPT_TESTS]
        ],
    )


def days_needed(policy: Drift) -> int:
    """Return how many days before a partition its drift rests on: a bound that no history outgrows."""
    return stats.days_needed(
        trailing_days=policy.trailing_days, gap_days=policy.gap_days, max_history=policy.max_history
    )


def drift_rank(
    profiles: pd.DataFrame, partition: str, policy: Drift, known_days: Collection[str] = ()
) -> stats.DriftRank:
    """Compute the drift of a partition from its profiles; see `include.stats.drift.drift_rank`."""
    return stats.drift_rank(
        profiles,
        partition,
        trailing_days=policy.trailing_days,
        gap_days=policy.gap_days,
        min_history=policy.min_history,
        max_history=policy.max_history,
        comparable=policy.comparable,
        known_days=known_days,
        alpha=policy.alpha,
    )


def evidence_of(
    found: stats.DriftRank, *, known_day: bool = False, samples: Samples | None = None
) -> DriftEvidence:
    """Return the part of a drift that is kept for ever."""
    return DriftEvidence(
        magnitude=found.magnitude,
        columns={
            name: ColumnDrift(**asdict(moved)) for name, moved in list(found.columns.items())[:_KEPT_COLUMNS]
        },
        history=found.history,
        past=found.past,
        p_value=found.p_value,
        known_day=known_day,
        samples=samples,
    )
