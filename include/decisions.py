"""The record of one automated decision, and the words that it is made of.

A gate is a pure function `check(evidence, policy) -> Ruling`. A decision is a ruling together with what it
was about, the evidence and the hashes: everything that is needed to apply the rule again years later.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from include.hashing import canonical_json, digest
from include.settings import PROJECT_ROOT

Mode = Literal["fail_closed", "fail_open"]
_NOT_DECIDED_ON = frozenset({"id", "code_version", "actor"})


class Verdict(StrEnum):
    """What a gate says. Only `pass` and `warn` open a door."""

    PASS = "pass"  # noqa: S105 -- a verdict, no password
    WARN = "warn"
    REFUSE = "refuse"
    UNDECIDED = "undecided"

    @property
    def opens(self) -> bool:
        return self in {Verdict.PASS, Verdict.WARN}


_SEVERITY = [Verdict.PASS, Verdict.WARN, Verdict.UNDECIDED, Verdict.REFUSE]


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the most severe verdict; `undecided` when there is none, because no evidence opens no door."""
    return max(verdicts, key=_SEVERITY.index) if verdicts else Verdict.UNDECIDED


class Ruling(BaseModel):
    """What a gate returns.

    Attributes:
        verdict: the door's state.
        reasons: one sentence per rule that mattered, with the figure and the limit.
        rule: the statistical rule, named so that a person can look it up.
        error_rate: the false-alarm (or false-promotion) rate that the rule is built for; None for plain
            limits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: Verdict
    reasons: list[str]
    rule: str
    error_rate: float | None = None


@lru_cache(maxsize=1)
def code_version() -> str:
    """Commit of the checkout, with `+changed` when files differ from it; `unversioned` outside git."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unversioned"
    return f"{commit}+changed" if changed else commit


def _git(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 -- fixed arguments
        ["git", "-C", str(PROJECT_ROOT), *arguments],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


# Inside the class below, `code_version` is the field.
_current_code = code_version


class Decision(BaseModel):
    """One row of the ledger."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = ""
    use_case: str
    gate: str
    partition: str | None
    as_of: str
    verdict: Verdict
    reasons: list[str]
    evidence: dict[str, Any]
    rule: str
    error_rate: float | None
    policy_hash: str
    data_refs: list[str]
    code_version: str = Field(default_factory=_current_code)
    actor: str
    mode: Mode = "fail_closed"
    # The rules in full, kept by the ledger under their hash so that the decision can be replayed.
    _policy: str = PrivateAttr("")

    def __eq__(self, other: object) -> bool:
        """Compare what is recorded: the rules in full travel with a decision and are no part of it."""
        return isinstance(other, Decision) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((self.id, self.fingerprint))

    @property
    def policy_content(self) -> str:
        """Canonical JSON of the rules; empty for a decision that was read back."""
        return self._policy

    @property
    def fingerprint(self) -> str:
        """Hash of what was decided on what: see `fingerprint_of`."""
        return fingerprint_of(self.model_dump(mode="json"))


def fingerprint_of(content: Mapping[str, Any]) -> str:
    """Hash the content of a decision, of whatever release of Airlock.

    Who asked and which code answered do not count: a repeat is no news.
    """
    return digest({name: value for name, value in content.items() if name not in _NOT_DECIDED_ON})


class Subject(BaseModel):
    """What a decision is about.

    Attributes:
        partition: the data date, or None when the decision is about no single partition (training).
        as_of: data time up to which the evidence was allowed to look.
        actor: who asked: `schedule`, `backfill`, `monitor`, or a user's name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    use_case: str
    partition: str | None = None
    as_of: str
    actor: str = "schedule"


def decide(
    *,
    gate: str,
    subject: Subject,
    ruling: Ruling,
    evidence: BaseModel | Mapping[str, Any],
    policy: BaseModel | Mapping[str, Any],
    data_refs: list[str],
    mode: Mode = "fail_closed",
) -> Decision:
    """Join a ruling with its subject. Under `fail_open` a refusal becomes a warning that says so."""
    verdict, reasons = ruling.verdict, ruling.reasons
    if mode == "fail_open" and not verdict.opens:
        reasons = [f"let through although {verdict.value}, because the use case chose fail_open", *reasons]
        verdict = Verdict.WARN
    decision = Decision(
        **subject.model_dump(),
        gate=gate,
        verdict=verdict,
        reasons=reasons,
        evidence=evidence.model_dump(mode="json") if isinstance(evidence, BaseModel) else dict(evidence),
        rule=ruling.rule,
        error_rate=ruling.error_rate,
        policy_hash=digest(policy),
        data_refs=data_refs,
        mode=mode,
    )
    decision._policy = canonical_json(policy)
    return decision
