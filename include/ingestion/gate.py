"""The verdict on a batch."""

from __future__ import annotations

import math

from include.decisions import Mode, Ruling, Verdict, worst
from include.ingestion.evidence import BATCH, DriftResult, IngestionEvidence, RuleResult, VolumeResult
from include.stats.proportions import exceeds_limit
from include.use_case_sections import Contract, DoorDrift, Severity, Volume

_WORST_FIRST = (Verdict.REFUSE, Verdict.WARN)
RULE = (
    "shares: one-sided Clopper-Pearson bound at alpha / number of shares (Clopper & Pearson 1934); "
    "volume: conformal rank of |log(rows / median of same weekdays)| (Laxhammar & Falkman 2010); "
    "drift: conformal rank of the profile's distance from the trailing days (Vovk et al. 2005)"
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
        if (judged := _let_through(_judge(result, policy.alpha / max(shares, 1)), result.rule, result.mode))
    ]
    looks = max(len(evidence.volumes), 1)
    volume_policy = policy.volume.model_copy(
        update={
            "alpha": policy.volume.alpha / looks,
            "severity": policy.severity_of("volume", policy.volume.severity),
        }
    )
    found += [
        judged
        for volume in evidence.volumes
        if (judged := _let_through(_judge_volume(volume, volume_policy), "volume", policy.mode_of("volume")))
    ]
    severity = policy.severity_of("drift", policy.drift.severity)
    drifted = _judge_drift(evidence.drift, policy.drift.model_copy(update={"severity": severity}))
    if judged := _let_through(drifted, "drift", policy.mode_of("drift")):
        found.append(judged)
    refused = any(verdict is Verdict.REFUSE for verdict, _ in found)
    if not refused and not (
        evidence.accepted_rows and any(result.table == BATCH for result in evidence.results)
    ):
        found.append((Verdict.REFUSE, "no rule was evaluated on a row, so nothing is known of this batch"))
    verdict = worst([verdict for verdict, _ in found]) if found else Verdict.PASS
    reasons = [reason for rank in _WORST_FIRST for verdict_, reason in found if verdict_ is rank]
    reasons += _files(evidence, reasons)
    return Ruling(
        verdict=verdict,
        reasons=reasons or [f"all {len(evidence.results)} rules hold on {evidence.rows} rows"],
        rule=RULE,
        error_rate=policy.alpha
        + policy.volume.alpha
        + (policy.drift.alpha if policy.severity_of("drift", policy.drift.severity) == "refuse" else 0),
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


def _let_through(judged: tuple[Verdict, str] | None, rule: str, mode: Mode) -> tuple[Verdict, str] | None:
    """Turn the refusal of a rule that fails open into a warning that says so."""
    if judged is None or judged[0] is not Verdict.REFUSE or mode == "fail_closed":
        return judged
    return Verdict.WARN, f"{judged[1]}; let through, because the rule {rule} is fail_open"


def _judge(result: RuleResult, alpha: float) -> tuple[Verdict, str] | None:
    name = f"{result.table}: {result.rule}"
    detail = f"; {result.detail}" if result.detail else ""
    if result.examples:
        detail += f"; for example {', '.join(result.examples[:3])}"
    if result.severity == "quarantine":
        return _judge_rows(result, name, detail)
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


def _judge_rows(result: RuleResult, name: str, detail: str) -> tuple[Verdict, str] | None:
    """Name the rows that are set aside; how many may be is a rule of its own."""
    if not result.violations:
        return None
    if result.detail:
        return Verdict.REFUSE, f"{name}: its rows cannot be set aside{detail}"
    share = f"{result.violations} of {result.checked}"
    if result.violations / result.checked <= result.limit:
        return None
    return Verdict.WARN, f"{name}: {share} rows are set aside{detail}"


def _judge_drift(drift: DriftResult | None, policy: DoorDrift) -> tuple[Verdict, str] | None:
    """Name a batch that is further from the days before than days here usually are."""
    if drift is None or drift.p_value is None or drift.p_value > policy.alpha:
        return None
    named = ", ".join(f"{name} ({surprise:.1f})" for name, surprise in _leading(drift))
    return _verdict(policy.severity), (
        f"batch: drift: further from the days before than {1 - policy.alpha:.0%} of {drift.past} days "
        f"(p = {drift.p_value:.3f}), most of all {named}"
    )


def _leading(drift: DriftResult) -> list[tuple[str, float]]:
    # Read back from the ledger, the columns stand in the order of their names.
    return sorted(drift.columns.items(), key=lambda item: -item[1])[:3]


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
