"""Whether a partition's features lie further from the days before it than is usual for this stream.

The mathematics stand in `include.stats.drift`, which the ingestion gate uses too.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict
from include.stats import drift as stats
from include.use_case_sections import Drift

if TYPE_CHECKING:
    import pandas as pd

GATE = "drift"
RULE = "conformal rank of the drift magnitude in the stream's own history (Vovk et al. 2005)"
_NAMED_COLUMNS = 3


class DriftEvidence(BaseModel):
    """Figures of one partition's drift.

    Attributes:
        magnitude: largest ratio of a column's distance to its usual distance; None with too little history.
        columns: that ratio by column, largest first.
        history: earlier magnitudes that it is ranked in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["drift"] = "drift"
    magnitude: float | None
    columns: dict[str, float]
    history: int
    p_value: float | None


def check(evidence: DriftEvidence, policy: Drift) -> Ruling:
    """Judge a partition's drift. `warn` marks the partition; whether to act is for the retraining gate."""
    if evidence.magnitude is None or evidence.p_value is None or evidence.history < policy.min_history:
        reason = f"{evidence.history} earlier days to compare with, needed {policy.min_history}"
        return Ruling(verdict=Verdict.UNDECIDED, reasons=[reason], rule=RULE, error_rate=policy.alpha)
    # Read back from the ledger, the columns stand in the order of their names.
    leading = sorted(evidence.columns.items(), key=lambda item: -item[1])[:_NAMED_COLUMNS]
    named = ", ".join(f"{column} {ratio:.1f} times its usual distance" for column, ratio in leading)
    reason = f"p = {evidence.p_value:.3f} among {evidence.history} days; {named}"
    marked = evidence.p_value <= policy.alpha
    return Ruling(
        verdict=Verdict.WARN if marked else Verdict.PASS, reasons=[reason], rule=RULE, error_rate=policy.alpha
    )


def days_needed(policy: Drift) -> int:
    """Return how many days before a partition its drift rests on: a bound that no history outgrows."""
    return stats.days_needed(
        trailing_days=policy.trailing_days, gap_days=policy.gap_days, max_history=policy.max_history
    )


def drift_evidence(profiles: pd.DataFrame, partition: str, policy: Drift) -> DriftEvidence:
    """Compute the drift of a partition from its feature profiles; see `include.stats.drift.drift_rank`."""
    found = stats.drift_rank(
        profiles,
        partition,
        trailing_days=policy.trailing_days,
        gap_days=policy.gap_days,
        min_history=policy.min_history,
        max_history=policy.max_history,
    )
    return DriftEvidence(**asdict(found))
