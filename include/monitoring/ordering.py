"""Gathering what the decision to train rests on, and recording it."""

from __future__ import annotations

from typing import Literal

from include import partitions
from include.champions import newest_champion
from include.decisions import Decision, Subject, Verdict, decide
from include.errors import ConfigurationError, TrainingNotNeeded
from include.lake import LABEL
from include.ledger import Ledger
from include.monitoring import retraining
from include.use_case import UseCase
from include.use_case_sections import Retraining
from include.workspace import Workspace

WATCHED_GATES = ("drift", "performance")
_TRAINING = "training"
# The verdict of each gate that says that the data is at fault, not the model.
_DOUBTFUL = {"quality": Verdict.WARN, "ingestion": Verdict.REFUSE}
_ORDER_MEMORY_DAYS = 30
# Partitions may be missing among the last n; so far back they are looked for, and no further.
_GAP_FACTOR = 5
_LATE_LABEL_DAYS = 31


def judge_after_partition(use_case: UseCase, partition: str, *, actor: str, workspace: Workspace) -> Decision:
    """Decide after monitoring a partition whether it orders a training, and record it.

    It rests on what the ledger says of the last partitions, this one included.
    """
    as_of = partitions.key_of(partitions.available_at(partition))
    champion = newest_champion(workspace.ledger, use_case.name)
    evidence = _evidence(use_case, partition, as_of, workspace).model_copy(
        update={"champion_as_of": champion.as_of if champion else None}
    )
    return _record(use_case, evidence, partition=partition, actor=actor, workspace=workspace)


def admit_training(
    use_case: UseCase,
    as_of: str,
    *,
    asked_by: Literal["schedule", "person"],
    request: str,
    actor: str,
    workspace: Workspace,
) -> Decision:
    """Decide whether a training that the schedule or a person asks for starts, and record it.

    Raises:
        TrainingNotNeeded: the policy holds a scheduled training back. The decision is in the ledger.
    """
    last = partitions.last_visible(as_of)
    evidence = _evidence(use_case, last, as_of, workspace)
    monitored = evidence.considered[-1:]
    evidence = evidence.model_copy(
        update={
            "asked_by": asked_by,
            "request": request if asked_by == "person" else "",
            "partition": monitored[0] if monitored else last,
        }
    )
    decision = _record(use_case, evidence, partition=None, actor=actor, workspace=workspace)
    if not decision.verdict.opens:
        raise TrainingNotNeeded("; ".join(decision.reasons), decision_id=decision.id)
    return decision


def ordered_by(decision_id: str, use_case: UseCase, as_of: str, ledger: Ledger) -> Decision:
    """Return the decision by which monitoring ordered a training.

    Raises:
        ConfigurationError: the decision is none that orders a training of this use case as of this date.
    """
    decision = ledger.get(decision_id)
    orders = decision.gate == retraining.GATE and decision.verdict.opens
    if not orders or (decision.use_case, decision.as_of) != (use_case.name, as_of):
        raise ConfigurationError(
            f"Decision {decision.id} orders no training of {use_case.name} as of {as_of}: it is the "
            f"{decision.gate} gate's {decision.verdict.value} on {decision.use_case} as of {decision.as_of}. "
            "Leave decision_id out"
        )
    return decision


def marks_of(ledger: Ledger, name: str, partition: str, policy: Retraining) -> dict[str, list[str]]:
    """Return the last n monitored partitions up to this one, with the gates that marked them."""
    since = partitions.shift(partition, -_GAP_FACTOR * policy.of_last)
    found = {gate: ledger.newest_by_partition(name, gate, since=since) for gate in WATCHED_GATES}
    days = sorted({day for decisions in found.values() for day in decisions if day <= partition})
    return {
        day: [
            gate
            for gate, decisions in found.items()
            if day in decisions and decisions[day].verdict is Verdict.WARN
        ]
        for day in days[-policy.of_last :]
    }


def _evidence(
    use_case: UseCase, partition: str, as_of: str, workspace: Workspace
) -> retraining.RetrainingEvidence:
    policy, ledger, name = use_case.monitoring.retraining, workspace.ledger, use_case.name
    marks = marks_of(ledger, name, partition, policy)
    training = _newest_before(ledger, name, _TRAINING, as_of)
    champion = _newest_before(ledger, name, "promotion", as_of)
    counts_labels = policy.new_labels is not None or policy.new_labels_share is not None
    return retraining.RetrainingEvidence(
        partition=partition,
        as_of=as_of,
        considered=list(marks),
        marked={day: gates for day, gates in marks.items() if gates},
        # Not the newest of all: a training that is repeated must not meet the champion that it made.
        champion_as_of=champion.as_of if champion else None,
        trained_as_of=training.as_of if training else None,
        new_labels=_labels_since(use_case, training, as_of, workspace) if counts_labels else 0,
        learned_labels=training.evidence["train_rows"] if training else 0,
        orders=_orders(ledger, name, partition),
        suspect=_suspect(ledger, name, partition, policy),
    )


def _newest_before(ledger: Ledger, name: str, gate: str, as_of: str) -> Decision | None:
    opened = [found for found in ledger.find(use_case=name, gate=gate) if found.verdict.opens]
    return max(
        (found for found in opened if found.as_of < as_of), key=lambda found: found.as_of, default=None
    )


def _labels_since(use_case: UseCase, training: Decision | None, as_of: str, workspace: Workspace) -> int:
    last, trained = partitions.last_visible(as_of), training.as_of if training else None
    first = trained or use_case.source.start_date.isoformat()
    reach = use_case.labels.delay_days + _LATE_LABEL_DAYS
    days = partitions.span(max(partitions.shift(first, -reach), use_case.source.start_date.isoformat()), last)
    if not days or workspace.lake.version(use_case.name, "labels") < 0:
        return 0
    known_after = partitions.parse(trained) if trained else use_case.source.start_date
    return workspace.lake.known_between(
        use_case.name, "labels", LABEL, partitions=days, after=known_after, by=partitions.parse(as_of)
    )


def _orders(ledger: Ledger, name: str, partition: str) -> list[str]:
    since = partitions.shift(partition, -_ORDER_MEMORY_DAYS)
    found = ledger.newest_by_partition(name, retraining.GATE, since=since)
    return [decision.as_of for day, decision in found.items() if day < partition and decision.verdict.opens]


def _suspect(ledger: Ledger, name: str, partition: str, policy: Retraining) -> dict[str, str]:
    """Name the newest days whose data cannot be trusted: refused at the door, or of bad quality when scored.

    A batch that was let in with a warning is not among them. The commonest warning is drift, which is what a
    training answers to.
    """
    if not policy.suspect_days:
        return {}
    since = partitions.shift(partition, 1 - policy.suspect_days)
    return {
        day: f"{gate} {verdict.value}"
        for gate, verdict in _DOUBTFUL.items()
        for day, decision in ledger.newest_by_partition(name, gate, since=since).items()
        if day <= partition and decision.verdict is verdict
    }


def _record(
    use_case: UseCase,
    evidence: retraining.RetrainingEvidence,
    *,
    partition: str | None,
    actor: str,
    workspace: Workspace,
) -> Decision:
    policy = use_case.monitoring.retraining
    return workspace.ledger.append(
        decide(
            gate=retraining.GATE,
            subject=Subject(use_case=use_case.name, partition=partition, as_of=evidence.as_of, actor=actor),
            ruling=retraining.check(evidence, policy),
            evidence=evidence,
            policy=policy,
            data_refs=[f"{use_case.name}/predictions/{evidence.partition}"],
        )
    )
