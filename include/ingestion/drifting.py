"""Drift at the door: the batch's profile against those of the days before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.ingestion.evidence import DriftResult
from include.stats.drift import days_needed, drift_rank
from include.use_case_sections import Contract, DoorDrift

if TYPE_CHECKING:
    import pandas as pd

_NAMED = 5


def days_to_read(contract: Contract) -> int:
    """Return how many days' profiles the rules of a contract rest on: a bound that no history outgrows."""
    drift = contract.drift
    ranked = days_needed(
        trailing_days=drift.trailing_days, gap_days=drift.gap_days, max_history=drift.max_history
    )
    return max(ranked, contract.trailing.days)


def drift_of(
    found: pd.DataFrame, before: pd.DataFrame | None, partition: str, policy: DoorDrift
) -> DriftResult | None:
    """Rank a batch's distance from the days before; None where nothing is known of them."""
    import pandas as pd

    if before is None:
        return None
    profiles = pd.concat([before, found.assign(partition=partition)], ignore_index=True)
    if policy.columns is not None:
        profiles = profiles[profiles["column"].isin(policy.columns)]
    rank = drift_rank(
        profiles,
        partition,
        trailing_days=policy.trailing_days,
        gap_days=policy.gap_days,
        min_history=policy.min_history,
        max_history=policy.max_history,
        comparable=policy.comparable,
    )
    leading = list(rank.columns.items())[:_NAMED]
    return DriftResult(
        magnitude=rank.magnitude,
        p_value=rank.p_value,
        past=rank.history,
        columns={name: column.surprise for name, column in leading},
    )
