"""Applying rules to recorded evidence again: today's or changed rules, to one decision or to a range of them.

Every gate is a pure function of evidence and policy, and the ledger holds both. This module is the one place
that has to know all gates; it finds them by address, when one is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from include.decisions import Decision, Ruling, Subject, decide
from include.declarations import explained, read_mapping
from include.errors import AirlockError, NotFound, UseCaseError
from include.ledger import Ledger
from include.policy import load_policies, read_policy, under
from include.settings import Settings
from include.use_case import UseCase, load_use_case, read_use_case
from include.use_case_places import places
from include.use_case_sections import Section

# `module:function` of every gate, by the name that stands in its decisions.
GATES = {
    "ingestion": "include.ingestion.gate:check",
    "release": "include.ingestion.release_gate:check_release",
    "discard": "include.ingestion.release_gate:check_discard",
    "features": "include.features.gate:check",
    "features_beside": "include.features.gate:check",
    "training": "include.training.gate:check",
    "evaluation": "include.evaluation.gate:check",
    "approval": "include.promotion.approving:check",
    "promotion": "include.promotion.gate:check",
    "rollback": "include.promotion.rollback:check",
    "drift": "include.monitoring.drift:check",
    "performance": "include.monitoring.performance:check",
    "quality": "include.monitoring.quality:check",
    "concept": "include.monitoring.concept:check",
    "retraining": "include.monitoring.retraining:check",
    "outcome": "include.monitoring.settling:check",
    "trigger_outcome": "include.monitoring.outcomes:check",
    "alert": "include.alerts.gate:check",
    "watch": "include.maintenance.watch:check",
    "deadline": "include.maintenance.deadline:check",
    "retention": "include.maintenance.retention:check",
    "feature_sets": "include.maintenance.feature_sets:check",
    "alias": "include.maintenance.stage:check_alias",
}
# A setting of another section that a gate needs: the evidence keeps it under the first name, unless it is
# older than that, and a use case declares it at the second.
_BESIDE = {"concept": ("min_days", "monitoring.performance.min_days")}
# Rules that came later, by gate and kind: where recorded rules lack them they were not in force.
_LATER: dict[tuple[str, str], dict[str, Any]] = {("evaluation", "champion"): {"harm_margin": None}}
# Where a gate's decisions keep more rules than it reads, the part that it reads.
_PART = {"ingestion": "contract"}
# Said by the evaluation of a rule that was not in force then.
NO_FIGURE = "the evidence holds no figure for this rule"


class Gate(NamedTuple):
    """A gate, and what it takes; a gate that reads no policy has none."""

    check: Callable[..., Any]
    evidence: Any
    policy: Any


class Replayed(BaseModel):
    """One decision, and what the rule says today.

    Attributes:
        rules: where the rules came from: as recorded, or today's of the use case.
        differs: what is not as it was; empty when the verdict was reproduced.
    """

    model_config = ConfigDict(frozen=True)

    decision_id: str
    gate: str
    use_case: str
    about: str
    recorded: str
    verdict: str
    reasons: list[str]
    rules: Literal["as recorded", "today's"]
    differs: list[str]


class Retried(BaseModel):
    """One past decision under changed rules; `verdict` is None where its evidence does not allow one."""

    model_config = ConfigDict(frozen=True)

    decision_id: str
    gate: str
    use_case: str
    about: str
    recorded: str
    verdict: str | None
    reasons: list[str]

    @property
    def changed(self) -> bool:
        return self.verdict is not None and self.verdict != self.recorded


def gate_of(name: str) -> Gate:
    """Return a gate by name.

    Raises:
        NotFound: no gate has this name.
    """
    if name not in GATES:
        raise NotFound(f"There is no gate {name!r} to apply again; there are {', '.join(GATES)}")
    module, _, function = GATES[name].partition(":")
    check = getattr(importlib.import_module(module), function)
    evidence, *policy = (hint for key, hint in get_type_hints(check).items() if key != "return")
    return Gate(check, evidence, policy[0] if policy else None)


def replay(decision: Decision, ledger: Ledger, settings: Settings) -> Replayed:
    """Apply a decision's rule to its recorded evidence again, under the rules that were kept with it.

    Raises:
        NotFound: its gate is not known, or its rules were not kept and its use case is not declared any more.
    """
    gate = gate_of(decision.gate)
    kept = ledger.policy(decision.policy_hash)
    if kept is not None and decision.gate in _PART:
        kept = kept[_PART[decision.gate]]
    rules: Literal["as recorded", "today's"] = "as recorded"
    if kept is None and gate.policy is not None:
        kept, rules = _section(load_use_case(decision.use_case, settings), gate.policy), "today's"
    try:
        again = _decided(decision, gate, _as_it_was(decision.gate, kept), _beside(decision, settings))
    except (ValueError, AirlockError) as error:
        return _replayed(decision, "unreadable", [], rules, [f"today's gate cannot read it: {error}"])
    differs = [
        f"{name}: was {getattr(decision, name)!s}, is {getattr(again, name)!s}"
        for name in ("verdict", "reasons", "rule", "error_rate")
        if getattr(decision, name) != getattr(again, name)
    ]
    return _replayed(decision, again.verdict.value, again.reasons, rules, differs)


def _replayed(
    decision: Decision,
    verdict: str,
    reasons: list[str],
    rules: Literal["as recorded", "today's"],
    differs: list[str],
) -> Replayed:
    return Replayed(
        decision_id=decision.id,
        gate=decision.gate,
        use_case=decision.use_case,
        about=decision.partition or f"as of {decision.as_of}",
        recorded=decision.verdict.value,
        verdict=verdict,
        reasons=reasons,
        rules=rules,
        differs=differs,
    )


def backtest(
    file: Path, ledger: Ledger, settings: Settings, *, first: str | None = None, last: str | None = None
) -> Iterator[Retried]:
    """Apply changed rules to past decisions, oldest first. Nothing is recorded.

    Each decision is judged on the evidence of its time. What would have followed from another verdict, such
    as another champion on the days after, is not replayed.

    Args:
        file: a use case's declaration, or a policy of the organisation.
        ledger: the past.
        settings: where the declared use cases and the other policies are.
        first: earliest partition, or as-of of decisions about no single partition.
        last: latest.

    Raises:
        UseCaseError: the file is wrong, or a use case loosens the changed policy.
    """
    for use_case in changed_use_cases(file, settings):
        for decision in reversed(ledger.find(use_case=use_case.name, gate=list(GATES))):
            day = decision.partition or decision.as_of
            if (first is None or first <= day) and (last is None or day <= last):
                retried = _retried(decision, use_case)
                if retried is not None:
                    yield retried


def changed_use_cases(file: Path, settings: Settings) -> list[UseCase]:
    """Return the use cases that a changed file concerns, under the rules that would hold then."""
    content, policies = read_mapping(file), load_policies(settings)
    if "problem" in content:
        try:
            use_case = UseCase.model_validate(content)
        except ValidationError as error:
            raise UseCaseError("\n".join(f"{file}: {line}" for line in explained(error, content))) from None
        return [under(use_case, policies, file).use_case]
    changed = read_policy(file)
    policies = [policy for policy in policies if policy.name != changed.name] + [changed]
    declared = [read_use_case(path) for path in sorted(settings.use_cases_dir.glob("*/use_case.yaml"))]
    concerned = [use_case for use_case in declared if changed.concerns(use_case.name)]
    return [under(use_case, policies, use_case.name).use_case for use_case in concerned]


def _retried(decision: Decision, use_case: UseCase) -> Retried | None:
    gate = gate_of(decision.gate)
    policy = _section(use_case, gate.policy) if gate.policy is not None else None
    # Rules that no declaration sets, or that this one does not set at all, cannot change a verdict.
    if policy is None:
        return None
    verdict: str | None
    try:
        again = _decided(decision, gate, policy, _declared(use_case, decision.gate))
        verdict, reasons = again.verdict.value, again.reasons
        if any(NO_FIGURE in reason for reason in reasons):
            verdict, reasons = None, [reason for reason in reasons if NO_FIGURE in reason]
    except (ValueError, AirlockError) as error:
        verdict, reasons = None, [f"the evidence cannot be read: {str(error).splitlines()[0]}"]
    return Retried(
        decision_id=decision.id,
        gate=decision.gate,
        use_case=decision.use_case,
        about=decision.partition or f"as of {decision.as_of}",
        recorded=decision.verdict.value,
        verdict=verdict,
        reasons=reasons,
    )


def _as_it_was(gate: str, kept: Any) -> Any:
    """Return recorded rules with those switched off that came later: a default of today was not theirs."""
    if not isinstance(kept, dict) or "gates" not in kept:
        return kept
    return kept | {"gates": [_LATER.get((gate, rule.get("kind")), {}) | rule for rule in kept["gates"]]}


def _beside(decision: Decision, settings: Settings) -> dict[str, Any]:
    """Return what older evidence lacks."""
    if decision.gate not in _BESIDE or _BESIDE[decision.gate][0] in decision.evidence:
        return {}
    return _declared(load_use_case(decision.use_case, settings), decision.gate)


def _declared(use_case: UseCase, gate: str) -> dict[str, Any]:
    if gate not in _BESIDE:
        return {}
    name, place = _BESIDE[gate]
    return {name: next(iter(places(use_case, place))).value}


def _ruling(found: Any) -> Ruling:
    """Return the ruling; a gate may return more beside it."""
    ruling: Ruling = found[-1] if isinstance(found, tuple) else found
    return ruling


def _decided(decision: Decision, gate: Gate, policy: Any, beside: dict[str, Any]) -> Decision:
    evidence = TypeAdapter(gate.evidence).validate_python(decision.evidence | beside)
    rules = [] if gate.policy is None else [_read(policy, gate.policy)]
    return decide(
        gate=decision.gate,
        subject=Subject(use_case=decision.use_case, partition=decision.partition, as_of=decision.as_of),
        ruling=_ruling(gate.check(evidence, *rules)),
        evidence=decision.evidence,
        policy={},
        data_refs=decision.data_refs,
        mode=decision.mode,
    )


def _read(policy: Any, kind: Any) -> Any:
    if isinstance(policy, BaseModel):
        return policy
    # Recorded as JSON, in which a date is text; the sections themselves are strict.
    return TypeAdapter(kind).validate_python(policy, strict=False)


def _section(section: BaseModel, kind: Any) -> Any:
    """Return the part of a declaration that is of a gate's kind of policy, or None."""
    if isinstance(section, kind):
        return section
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section) and (found := _section(value, kind)) is not None:
            return found
    return None
