"""Whether a verdict is news for people: an alarm that opens, stands too long, or is over.

A refusal is an alarm at once. A mark (`warn`) of monitoring is one when marks come together, so that one odd
day in twenty, for which the rules are built, calls nobody.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict
from include.use_case_sections import Alerts, AlertSeverity

GATE = "alert"
RULE = (
    "an alarm is told when it opens, once more when it stands, and when it is over; never for partitions "
    "that are history, and never twice"
)
Kind = Literal["opened", "escalated", "recovered", "none"]
SEVERITIES: tuple[AlertSeverity, ...] = ("info", "warning", "critical")


class Watched(BaseModel):
    """How the verdicts of one gate become alarms.

    Attributes:
        alarming: verdict that counts against it.
        severity: of an alarm that opens.
        once: whether one such verdict is enough; otherwise k of the last n are needed.
        stands: whether the alarm stands until it is over; otherwise each such verdict is told by itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    alarming: Verdict
    severity: AlertSeverity
    once: bool
    stands: bool = True


WATCHED: dict[str, Watched] = {
    "ingestion": Watched(alarming=Verdict.REFUSE, severity="critical", once=True),
    "features": Watched(alarming=Verdict.REFUSE, severity="critical", once=True),
    "drift": Watched(alarming=Verdict.WARN, severity="warning", once=False),
    "performance": Watched(alarming=Verdict.WARN, severity="warning", once=False),
    "quality": Watched(alarming=Verdict.WARN, severity="warning", once=False),
    "concept": Watched(alarming=Verdict.WARN, severity="warning", once=False),
    "alias": Watched(alarming=Verdict.REFUSE, severity="critical", once=True),
    "watch": Watched(alarming=Verdict.REFUSE, severity="critical", once=True),
    "deadline": Watched(alarming=Verdict.REFUSE, severity="warning", once=True, stands=False),
}


class AlertEvidence(BaseModel):
    """What the decision to tell rests on, and what is told.

    Attributes:
        gate: whose verdict it is.
        cause_id: the decision that it is about.
        verdicts: of that gate, by its last partitions (or as-ofs), this one the newest.
        newest: newest partition that the gate has judged.
        champion_as_of: as-of of the champion; None without one.
        standing: severity of the alarm that stands, or None.
        since: partition on which it opened; empty without one.
        escalated: whether it was told a second time already.
        kind: what is told.
        severity: of what is told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str
    cause_id: str
    partition: str
    verdicts: dict[str, Verdict]
    newest: str
    champion_as_of: str | None
    standing: AlertSeverity | None
    since: str
    escalated: bool
    kind: Kind = "none"
    severity: AlertSeverity = "info"


def check(evidence: AlertEvidence, policy: Alerts) -> Ruling:
    """Say whether something is to be told."""
    return judge(evidence, policy)[2]


def judge(evidence: AlertEvidence, policy: Alerts) -> tuple[Kind, AlertSeverity, Ruling]:
    """Say what is to be told. `warn` opens or escalates an alarm, `pass` closes one or tells nothing."""
    watched = WATCHED[evidence.gate]
    if silent := _silent(evidence, policy):
        return "none", "info", _ruled(Verdict.PASS, silent)
    bad = [day for day, verdict in evidence.verdicts.items() if verdict is watched.alarming]
    alarming = evidence.partition in bad
    if evidence.standing is None or not watched.stands:
        needed = 1 if watched.once else policy.violations
        recent = [day for day in list(evidence.verdicts)[-policy.of_last :] if day in bad]
        if alarming and len(recent) >= needed:
            return "opened", watched.severity, _ruled(Verdict.WARN, f"an alarm opens: {_days(recent)}")
        return "none", "info", _ruled(Verdict.PASS, f"{len(recent)} of the last days, needed {needed}")
    stood = [day for day in evidence.verdicts if day >= evidence.since]
    if alarming and not evidence.escalated and len(stood) >= policy.escalate_after:
        severity = SEVERITIES[min(SEVERITIES.index(evidence.standing) + 1, len(SEVERITIES) - 1)]
        reason = f"the alarm stands since {evidence.since}, for {len(stood)} partitions"
        return "escalated", severity, _ruled(Verdict.WARN, reason)
    quiet = list(evidence.verdicts)[-policy.recover_after :]
    # A day on which nothing could be said is neither alarming nor a sign that it is over.
    unsaid = {day for day, verdict in evidence.verdicts.items() if verdict is Verdict.UNDECIDED}
    over = len(quiet) == policy.recover_after and not set(quiet) & {*bad, *unsaid}
    if over and quiet[0] > evidence.since:
        reason = f"the alarm of {evidence.since} is over: {len(quiet)} quiet partitions up to {quiet[-1]}"
        return "recovered", evidence.standing, _ruled(Verdict.PASS, reason)
    return "none", "info", _ruled(Verdict.PASS, f"told already: the alarm stands since {evidence.since}")


def _silent(evidence: AlertEvidence, policy: Alerts) -> str | None:
    if evidence.gate in policy.muted:
        return f"{evidence.gate} is muted"
    if evidence.partition < evidence.newest:
        return f"{evidence.partition} is historical: {evidence.newest} was judged already"
    if evidence.champion_as_of is not None and evidence.partition < evidence.champion_as_of:
        return f"{evidence.partition} is historical: the champion knows data up to {evidence.champion_as_of}"
    return None


def _ruled(verdict: Verdict, reason: str) -> Ruling:
    return Ruling(verdict=verdict, reasons=[reason], rule=RULE)


def _days(days: list[str]) -> str:
    return ", ".join(days)
