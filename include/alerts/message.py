"""What an alert says: what happened, since when, how sure, what to do, where to look."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from include.decisions import Decision

_TITLES = {
    "ingestion": "a batch was refused",
    "features": "the features of a partition were refused",
    "drift": "the data differ from the days before",
    "performance": "the champion's loss has risen",
    "quality": "the rows that are scored are odd",
    "concept": "the outcome has changed at equal scores",
    "alias": "the champion's alias was moved by hand",
    "watch": "something that should have come has not",
    "deadline": "a run is late",
}
_REMEDIES = {
    "ingestion": "Ask upstream for a corrected file, put it in the same place and clear the red ingest task. "
    "Nothing was published meanwhile.",
    "features": "Correct features.py or the batch and clear the red features task. The partition is neither "
    "scored nor learned from meanwhile.",
    "drift": "Look at the day's report: is it the world or a source? Monitoring orders a training by itself "
    "when the policy allows; an upstream fault has to be mended at its source.",
    "performance": "Look at the slices and the drift of these days. Monitoring orders a training by itself "
    "when the policy allows; ./airlock triggers shows whether earlier ones helped.",
    "quality": "Look which columns lack values or hold unseen ones, and mend the source; a score of such "
    "rows means little.",
    "concept": "The world behaves otherwise than the champion learned. Start a training by hand unless "
    "monitoring has ordered one.",
    "alias": "Scoring follows the ledger. Clear the promote task that promoted the champion, and ask who "
    "moved the alias.",
    "watch": "Look whether the use case's DAGs are paused, failing or waiting for files.",
    "deadline": "Open the run in Airflow: does a task wait for a slot, for files or for a person, or is it "
    "tried again and again? Nothing is published before it ends.",
}
_KINDS = {"opened": "", "escalated": "still: ", "recovered": "over: "}


class Message(BaseModel):
    """One alert, ready for any channel.

    Attributes:
        id: of the notice in the ledger; the same alert never has another, so a receiver can drop repeats.
        since: first partition of the alarm.
        what: what was found, one sentence a rule.
        how_sure: the rule and the rate of false alarms it is built for.
        to_do: the remedy; empty when it is over.
        look_at: addresses and commands.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    use_case: str
    gate: str
    kind: str
    severity: str
    partition: str
    since: str
    title: str
    what: list[str]
    how_sure: str
    to_do: str
    look_at: list[str]

    @property
    def text(self) -> str:
        """The alert as plain text."""
        lines = [
            f"[{self.severity}] {self.title}",
            *(f"- {reason}" for reason in self.what),
            f"Since: {self.since}. How sure: {self.how_sure}.",
            *([f"To do: {self.to_do}"] if self.to_do else []),
            f"Look at: {' or '.join(self.look_at)}",
        ]
        return "\n".join(lines)


def message_of(notice: Decision, cause: Decision, *, address: str) -> Message:
    """Word a notice.

    Args:
        notice: the decision to tell.
        cause: the decision that it is about.
        address: of the Airflow UI, for links; empty where there is none.
    """
    evidence = notice.evidence
    kind, gate = evidence["kind"], evidence["gate"]
    recovered = kind == "recovered"
    page = [f"{address}/airlock/decisions/{cause.id}"] if address else []
    return Message(
        id=notice.id,
        use_case=notice.use_case,
        gate=gate,
        kind=kind,
        severity=evidence["severity"],
        partition=evidence["partition"],
        since=evidence["since"],
        title=f"{notice.use_case} {evidence['partition']}: {_KINDS[kind]}{_TITLES[gate]}",
        what=[*notice.reasons, *([] if recovered else cause.reasons)],
        how_sure=_sure(cause),
        to_do="" if recovered else _REMEDIES[gate],
        look_at=[*page, f"./airlock decisions --id {cause.id}"],
    )


def _sure(cause: Decision) -> str:
    if cause.error_rate is None:
        return f"a plain limit, no statistics ({cause.rule})"
    return f"{cause.rule}; built for false alarms in at most {cause.error_rate:.1%} of looks"
