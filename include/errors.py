"""Every exception that Airlock raises on purpose.

::

    AirlockError
    ├── ConfigurationError        a setting or file of the project is wrong; a retry cannot help
    │   └── UseCaseError          a use_case.yaml or features.py is wrong
    ├── GateRefused               a gate closed the door; the decision is in the ledger
    ├── GateUndecided             a gate had too little evidence; the door stays shut, nothing is wrong
    ├── NothingToDo               the stage has no work yet, for example no champion to score with
    │   └── TrainingNotNeeded     the policy held a scheduled training back; the decision is in the ledger
    ├── Awaited                   what a stage waits for is not there yet; looking again later may help
    ├── RequestRefused            features of a request cannot be given as a batch would give them
    ├── NotFound                  a name, partition, decision or file does not exist
    ├── BatchUnreadable           the bytes of a landed file are not what its name says
    ├── LedgerCorrupted           the hash chain of the ledger does not hold
    ├── InvariantBroken           rows were lost or doubled on the way; nothing is published
    ├── ArtefactCorrupted         a stored file differs from its recorded hash
    └── Outage                    a server or store does not answer; a retry may help
        └── DiskFull              a disk has no room left; a retry helps once there is some

A message states the fact, the value and the next step.
"""

from __future__ import annotations


class AirlockError(Exception):
    """Base class of all errors of Airlock."""


class ConfigurationError(AirlockError):
    """A setting or a file of the project is wrong."""


class UseCaseError(ConfigurationError):
    """A use case is declared wrongly."""


class _ShutDoor(AirlockError):  # noqa: N818 -- reads as a verdict, like the word in the ledger
    """A gate did not open. The decision was recorded before this was raised."""

    said: str

    def __init__(self, *, gate: str, decision_id: str, reasons: list[str]) -> None:
        self.gate = gate
        self.decision_id = decision_id
        self.reasons = reasons
        super().__init__(
            f"The {gate} gate {self.said}: {'; '.join(reasons)}. "
            f"Read the evidence with: ./airlock decisions --id {decision_id}"
        )


class GateRefused(_ShutDoor):
    """A gate refused."""

    said = "refused"


class GateUndecided(_ShutDoor):
    """A gate had too little evidence to open."""

    said = "stays shut, undecided"


class NothingToDo(AirlockError):  # noqa: N818 -- not a failure: the task is skipped
    """There is no work for this stage yet."""


class TrainingNotNeeded(NothingToDo):
    """The retraining gate held a scheduled training back."""

    def __init__(self, reason: str, *, decision_id: str) -> None:
        self.decision_id = decision_id
        super().__init__(reason)


class Awaited(AirlockError):  # noqa: N818 -- not a failure: the task looks again later
    """What a stage waits for is not there yet."""


class RequestRefused(AirlockError):  # noqa: N818
    """A request is not what the contract says, or nothing fresh enough is there to answer it from."""


class NotFound(AirlockError):  # noqa: N818
    """A name, partition, decision or file does not exist."""


class BatchUnreadable(AirlockError):  # noqa: N818
    """A landed file cannot be read."""


class LedgerCorrupted(AirlockError):  # noqa: N818
    """The hash chain of the ledger is broken."""


class InvariantBroken(AirlockError):  # noqa: N818
    """The rows that came out of a step are not those that went in."""


class ArtefactCorrupted(AirlockError):  # noqa: N818
    """A stored artefact differs from the hash that was recorded for it."""


class Outage(AirlockError):  # noqa: N818
    """A server or store that Airlock needs does not answer."""


class DiskFull(Outage):
    """There is no room left for what has to be written."""
