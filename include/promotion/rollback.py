"""Rollback: an earlier champion is put in use again, by a person, with a reason."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.cards import write_card
from include.champions import ROLLBACK, Champion, champions_of, newest_champion, withdrawn
from include.decisions import Decision, Ruling, Subject, Verdict, decide
from include.errors import GateRefused, NotFound
from include.feature_sets import load_feature_sets
from include.model_versions import LoggedModel
from include.promotion.deciding import decided
from include.promotion.pointing import point_at_champion
from include.promotion.stage import effective_from
from include.use_case import UseCase
from include.use_case_sections import Promotion
from include.workspace import Workspace

RULE = "the version was a champion before, can score today's features, and a person gives a reason"


class RollbackEvidence(BaseModel):
    """What a rollback rests on; the fields of a promotion's evidence, so that both answer who reigned when.

    Attributes:
        effective_from: first partition that the version decides on again.
        as_of: data time up to which the version learned.
        features_now: version of today's feature definitions.
        request: names the request, so that a task that runs again finds its own decision.
        rolled_back_by: an earlier rollback that had taken this version out of use; empty when there was none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["rollback"] = "rollback"
    version: str
    run_id: str
    model: LoggedModel
    feature_set_version: str
    features_now: str
    features_beside: list[str] = []
    as_of: str
    effective_from: str
    evaluation_id: str
    withdrawn_version: str
    withdrawn_run_id: str
    reason: str
    request: str = ""
    rolled_back_by: str = ""


def check(evidence: RollbackEvidence, policy: Promotion) -> Ruling:
    """Judge a rollback."""
    refused: list[str] = []
    if not evidence.reason.strip():
        refused.append("no reason is given; say why, for whoever reads the ledger later")
    if evidence.feature_set_version not in {evidence.features_now, *evidence.features_beside}:
        refused.append(
            f"version {evidence.version} learned from feature definitions {evidence.feature_set_version}, "
            f"today's are {evidence.features_now}: it could score nothing. "
            "Keep the file of its definitions in features.beside"
        )
    if refused:
        return Ruling(verdict=Verdict.REFUSE, reasons=refused, rule=RULE)
    reason = (
        f"version {evidence.version} is the champion again from {evidence.effective_from} on, in place of "
        f"version {evidence.withdrawn_version}: {evidence.reason}"
    )
    if evidence.rolled_back_by:
        again = f"version {evidence.version} had been rolled back by decision {evidence.rolled_back_by}"
        return Ruling(verdict=Verdict.WARN, reasons=[reason, again], rule=RULE)
    return Ruling(verdict=Verdict.PASS, reasons=[reason], rule=RULE)


def roll_back(
    use_case: UseCase,
    *,
    to: str | None = None,
    reason: str,
    actor: str,
    request: str = "",
    workspace: Workspace,
) -> Decision:
    """Put an earlier champion in use again: the decision first, the alias after.

    It decides from the day after the newest scored partition on; what was scored stays. A later training is
    compared with it and may replace it; the version that was taken out of use is not promoted again.

    Args:
        use_case: whose champion.
        to: version to return to; the champion before this one when left out.
        reason: why, for the record.
        actor: who asked.
        request: name of the request; asked again under the same name, nothing is decided anew.
        workspace: where to read and record.

    Raises:
        NotFound: there is no earlier champion, or the version never was one.
        GateRefused: no reason is given, or the version cannot score today's features. No alias moves.
        ArtefactCorrupted: the version's files differ from what was trained.
    """
    ledger, name = workspace.ledger, use_case.name

    def ruled() -> Decision:
        champion = newest_champion(ledger, name)
        if champion is None:
            raise NotFound(f"{name} has no champion to roll back; train one with the DAG {name}.train")
        newest = ledger.get(champion.decision_id)
        same_request = bool(request) and newest.evidence.get("request") == request
        if same_request or to == champion.version:
            return newest
        target = _target(use_case, champion, to, workspace)
        evidence = _evidence(use_case, champion, target, reason=reason, request=request, workspace=workspace)
        return decide(
            gate=ROLLBACK,
            subject=Subject(use_case=name, as_of=evidence.effective_from, actor=actor),
            ruling=check(evidence, use_case.promotion),
            evidence=evidence,
            policy=use_case.promotion,
            data_refs=[f"models:/{name}/{target.version}"],
        )

    decision = decided(name, ledger, ruled)
    if not decision.verdict.opens:
        raise GateRefused(gate=ROLLBACK, decision_id=decision.id, reasons=decision.reasons)
    point_at_champion(name, workspace)
    for version, run_id in _concerned(decision):
        write_card(use_case, version=version, run_id=run_id, workspace=workspace)
    return decision


def _concerned(decision: Decision) -> list[tuple[str, str]]:
    """Return version and run of the model that came into use, and of the one that it replaced."""
    evidence = decision.evidence
    found = [(evidence["version"], evidence["run_id"])]
    if decision.gate == ROLLBACK:
        found.append((evidence["withdrawn_version"], evidence["withdrawn_run_id"]))
    return found


def _evidence(
    use_case: UseCase,
    champion: Champion,
    target: Champion,
    *,
    reason: str,
    request: str,
    workspace: Workspace,
) -> RollbackEvidence:
    """Gather what the rollback rests on; the files of the version to return to are checked on the way."""
    workspace.registry.model_folder(target.model)
    taken = withdrawn(workspace.ledger, use_case.name).get(target.run_id)
    today, *beside = load_feature_sets(use_case, workspace.settings)
    return RollbackEvidence(
        version=target.version,
        run_id=target.run_id,
        model=target.model,
        feature_set_version=target.feature_set_version,
        features_now=today,
        features_beside=beside,
        as_of=target.as_of,
        effective_from=effective_from(use_case, max(champion.effective_from, champion.as_of), workspace),
        evaluation_id=target.evaluation_id,
        withdrawn_version=champion.version,
        withdrawn_run_id=champion.run_id,
        reason=reason,
        request=request,
        rolled_back_by=taken.id if taken else "",
    )


def _target(use_case: UseCase, champion: Champion, to: str | None, workspace: Workspace) -> Champion:
    name = use_case.name
    earlier = [found for found in champions_of(workspace.ledger, name) if found.run_id != champion.run_id]
    if to is None:
        out_of_use = withdrawn(workspace.ledger, name)
        earlier = [found for found in earlier if found.run_id not in out_of_use]
    else:
        earlier = [found for found in earlier if found.version == to]
    if not earlier:
        asked = f"version {to} was never a champion of {name}" if to else f"{name} has no earlier champion"
        raise NotFound(f"{asked}; see which there were with: ./airlock champions {name}")
    return earlier[0]
