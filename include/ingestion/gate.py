"""The verdict on a batch."""

from __future__ import annotations

import math

from include.decisions import Ruling, Verdict, worst
from include.ingestion.evidence import BATCH, IngestionEvidence, RuleResult, VolumeResult
from include.stats.proportions import exceeds_limit
from include.use_case_sections import Contract, Severity, Volume

_WORST_FIRST = (Verdict.REFUSE, Verdict.WARN)
RULE = (
    "shares: one-sided Clopper-Pearson bound at alpha / number of shares (Clopper & Pearson 1934); "
    "volume: conformal rank of |log(rows / median of same weekdays)| (Laxhammar & Falkman 2010)"
)


def check(evidence: IngestionEvidence, policy: Contract) -> Ruling:
    """Judge a batch by its figures.

    A share refuses only when its lower confidence bound lies above the limit, and warns when it is above the
    limit but could be chance. The limits of side tables come with their results. A batch without rows is
    refused whatever the contract calls a warning: nothing is known of it.
    """
    found: list[tuple[Verdict, str]] = [
        (_verdict(fault.severity), f"{fault.table}: {fault.rule}: {fault.detail}")
        for fault in evidence.faults
    ]
    shares = sum(result.share for result in evidence.results)
    found += [
        judged
        for result in evidence.results
        if (judged := _judge(result, policy.alpha / max(shares, 1))) is not None
    ]
    looks = max(len(evidence.volumes), 1)
    volume_policy = policy.volume.model_copy(update={"alpha": policy.volume.alpha / looks})
    found += [
        judged for volume in evidence.volumes if (judged := _judge_volume(volume, volume_policy)) is not None
    ]
    refused = any(verdict is Verdict.REFUSE for verdict, _ in found)
    if not refused and not (evidence.rows and any(result.table == BATCH for result in evidence.results)):
        found.append((Verdict.REFUSE, "no rule was evaluated on a row, so nothing is known of this batch"))
    verdict = worst([verdict for verdict, _ in found]) if found else Verdict.PASS
    reasons = [reason for rank in _WORST_FIRST for verdict_, reason in found if verdict_ is rank]
    reasons += _files(evidence, reasons)
    return Ruling(
        verdict=verdict,
        reasons=reasons or [f"all {len(evidence.results)} rules hold on {evidence.rows} rows"],
        rule=RULE,
        error_rate=policy.alpha + policy.volume.alpha,
    )


def _files(evidence: IngestionEvidence, reasons: list[str]) -> list[str]:
    """Name the file of every table that a reason is about and that no reason has named."""
    return [
        f"{file.table} is {file.source}"
        for file in evidence.files
        if any(reason.startswith(f"{file.table}: ") for reason in reasons)
        and not any(file.source in reason for reason in reasons)
    ]


def _verdict(severity: Severity) -> Verdict:
    return Verdict.REFUSE if severity == "refuse" else Verdict.WARN


def _judge(result: RuleResult, alpha: float) -> tuple[Verdict, str] | None:
    name = f"{result.table}: {result.rule}"
    detail = f"; {result.detail}" if result.detail else ""
    if result.examples:
        detail += f"; for example {', '.join(result.examples[:3])}"
    if not result.share:
        return (
            (_verdict(result.severity), f"{name}: broken by {result.violations}{detail}")
            if result.violations
            else None
        )
    if result.checked == 0 or result.violations / result.checked <= result.limit:
        return None
    share = f"{result.violations} of {result.checked} ({result.violations / result.checked:.1%})"
    share += f" against {result.limit:.1%}"
    if exceeds_limit(result.violations, result.checked, result.limit, alpha) == "exceeds":
        return _verdict(result.severity), f"{name}: {share}{detail}"
    return Verdict.WARN, f"{name}: {share}, which chance could explain"


def _judge_volume(volume: VolumeResult, policy: Volume) -> tuple[Verdict, str] | None:
    """Refuse an unusual count once the history is long enough to say so; before, warn of the most extreme."""
    what = f"values of {volume.column}" if volume.column else "rows"
    figure = f"batch: volume: {volume.count} {what} where {volume.expected:.0f} are usual"
    if volume.deviation > math.log(policy.max_ratio):
        return _verdict(policy.severity), f"{figure}, a factor of more than {policy.max_ratio:g}"
    if volume.past < policy.min_history:
        return None
    if volume.p_value <= policy.alpha:
        return _verdict(policy.severity), f"{figure} (p = {volume.p_value:.3f})"
    if volume.p_value <= 1 / (volume.past + 1):
        return Verdict.WARN, f"{figure}, the furthest of {volume.past} batches"
    return None
