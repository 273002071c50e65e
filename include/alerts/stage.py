"""From recorded decisions to notices, and from notices to channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from include import partitions
from include.alerts import gate
from include.alerts.channels import Channel
from include.alerts.deliveries import Deliveries
from include.alerts.gate import SEVERITIES, WATCHED, AlertEvidence
from include.alerts.message import Message, message_of
from include.champions import newest_champion
from include.decisions import Decision, Subject, Verdict, decide
from include.errors import Outage
from include.use_case import UseCase
from include.use_case_sections import Alerts
from include.workspace import Workspace

_LOOKED_AT_DAYS = 62
BACKFILL = "backfill"
_LOG = "log"


def judge_alerts(
    use_case: UseCase, partition: str | None, *, gates: Iterable[str], actor: str, workspace: Workspace
) -> list[Decision]:
    """Decide what is to be told about a partition's newest decisions, and record each notice.

    Running it again records nothing new: what was told stands in the ledger.

    Args:
        use_case: whose decisions.
        partition: the data date; None for gates that are about none, whose newest decision is judged.
        gates: of these gates.
        actor: who asked; a backfill is told to the log alone.
        workspace: where the ledger is.

    Returns:
        The notices of this partition, those recorded earlier included.
    """
    notices: list[Decision] = []
    for name in gates:
        if name not in WATCHED:
            continue
        found = _judged(use_case.name, name, partition, workspace)
        day = partition or max(found, default="")
        cause = found.get(day)
        known = _notices(use_case.name, name, workspace)
        already = [notice for notice in known if notice.partition == day]
        notices += already
        if cause is None or any(notice.evidence["cause_id"] == cause.id for notice in already):
            continue
        notice = _judge(use_case, found, cause, known, actor=actor, workspace=workspace)
        notices += [notice] if notice is not None else []
    return notices


def deliver(
    use_case: UseCase, *, channels: Mapping[str, Channel], deliveries: Deliveries, workspace: Workspace
) -> list[str]:
    """Send every notice of a use case that a routed channel has not had yet.

    A channel that does not answer keeps its notices for the next call and does not hold up the others.

    Returns:
        What was sent, as `channel notice-id`.

    Raises:
        Outage: a channel did not answer; the others have had theirs.
    """
    sent: list[str] = []
    notices = reversed(workspace.ledger.find(use_case=use_case.name, gate=gate.GATE))
    wanted = [(notice, name) for notice in notices for name in routed(notice, use_case.alerts)]
    done, out = deliveries.done(), dict[str, str]()
    for notice, name in wanted:
        if (notice.id, name) in done or name in out:
            continue
        try:
            with deliveries.once(notice.id, name) as mine:
                # A channel that is not configured has missed it: connecting one later sends no old alerts.
                if mine and name in channels:
                    channels[name].send(_message(notice, workspace))
                    sent.append(f"{name} {notice.id}")
        except Outage as error:
            out[name] = str(error)
    if out:
        raise Outage("; ".join(out.values()))
    return sent


def routed(notice: Decision, policy: Alerts) -> list[str]:
    """Return the channels of a notice. What a backfill found pages nobody."""
    severity = SEVERITIES.index(notice.evidence["severity"])
    names = {
        channel
        for route in policy.routes
        if SEVERITIES.index(route.severity) <= severity
        for channel in route.channels
    }
    return sorted(names & {_LOG} if notice.actor == BACKFILL else names)


def _message(notice: Decision, workspace: Workspace) -> Message:
    cause = workspace.ledger.get(notice.evidence["cause_id"])
    return message_of(notice, cause, address=workspace.settings.public_address)


def _judged(name: str, gate_name: str, partition: str | None, workspace: Workspace) -> dict[str, Decision]:
    """Return the newest decision of a gate by partition, or by as-of where it is about no partition."""
    if partition is not None:
        since = partitions.shift(partition, -_LOOKED_AT_DAYS)
        return workspace.ledger.newest_by_partition(name, gate_name, since=since)
    newest: dict[str, Decision] = {}
    for decision in workspace.ledger.find(use_case=name, gate=gate_name):
        newest.setdefault(decision.partition or decision.as_of, decision)
    return dict(sorted(newest.items()))


def _notices(name: str, gate_name: str, workspace: Workspace) -> list[Decision]:
    """Return the notices about one gate, newest first."""
    found = workspace.ledger.find(use_case=name, gate=gate.GATE)
    return [notice for notice in found if notice.evidence["gate"] == gate_name]


def _judge(
    use_case: UseCase,
    found: dict[str, Decision],
    cause: Decision,
    known: list[Decision],
    *,
    actor: str,
    workspace: Workspace,
) -> Decision | None:
    partition = cause.partition or cause.as_of
    standing = known[0] if known and known[0].evidence["kind"] != "recovered" else None
    champion = newest_champion(workspace.ledger, use_case.name)
    evidence = AlertEvidence(
        gate=cause.gate,
        cause_id=cause.id,
        partition=partition,
        verdicts={day: decision.verdict for day, decision in found.items() if day <= partition},
        newest=max(found),
        champion_as_of=champion.as_of if champion else None,
        standing=standing.evidence["severity"] if standing else None,
        since=standing.evidence["since"] if standing else "",
        escalated=standing is not None and standing.evidence["kind"] == "escalated",
    )
    kind, severity, ruling = gate.judge(evidence, use_case.alerts)
    if kind == "none":
        return None
    told = {"kind": kind, "severity": severity, "since": evidence.since or partition}
    return workspace.ledger.append(
        decide(
            gate=gate.GATE,
            subject=Subject(use_case=use_case.name, partition=partition, as_of=cause.as_of, actor=actor),
            ruling=ruling,
            evidence=evidence.model_copy(update=told),
            policy=use_case.alerts,
            data_refs=[f"decision/{cause.id}"],
        )
    )


def opened(notices: Iterable[Decision]) -> list[Decision]:
    """Return the notices that open or escalate an alarm."""
    return [notice for notice in notices if notice.verdict is Verdict.WARN]
