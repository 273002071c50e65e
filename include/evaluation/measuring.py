"""From a run to the evidence of its evaluation: the saved models are loaded back and asked on the holdout."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from include import partitions
from include.champions import Champion, newest_champion
from include.evaluation.figures import ChampionState, DayLoss, EvaluationEvidence, Figure, Unmeasured
from include.evaluation.rules import FAMILIES, Case
from include.evaluation.rules.estimating import estimated
from include.feature_sets import FeatureSet, load_features
from include.lake import LABEL, PARTITION, ROW_KEY
from include.problems import kind_of
from include.registry import BASELINE_TAG, FEATURES_TAG, HOLDOUT_TAG, MODEL_TAG, TABLES_TAG, Registry
from include.row_keys import row_keys
from include.training_sets import LabelledRows
from include.use_case import UseCase
from include.use_case_sections import (
    BaselineGate,
    ChampionGate,
    EvaluationGate,
    FairnessGate,
    SlicesGate,
)
from include.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run

    from include.ledger import Ledger
    from include.problems import ProblemKind

GATE = "evaluation"
_MEGABYTE = 1_000_000
# What the test of the saved artefact logged with the run, where it ran.
_ARTEFACT_METRICS = {
    "one_ms": "artefact.one_ms",
    "bulk_s": "artefact.bulk_s",
    "memory_mb": "artefact.memory_mb",
}


@dataclass(frozen=True)
class Holdout:
    """The days that a run did not learn from."""

    kind: ProblemKind
    rows: pd.DataFrame
    label: np.ndarray
    days: np.ndarray

    @classmethod
    def of(cls, use_case: UseCase, labelled: LabelledRows) -> Holdout:
        rows, kind = labelled.rows, kind_of(use_case.problem)
        return cls(kind=kind, rows=rows, label=rows[LABEL].to_numpy(), days=rows[PARTITION].to_numpy())

    @property
    def judged_days(self) -> int:
        """Count the days that are units of an error: of a yes-or-no label those that hold the rarer one."""
        if self.kind.name == "binary":
            return min(len(set(self.days[self.label == value])) for value in (0, 1))
        return len(set(self.days))

    @property
    def judgeable(self) -> bool:
        """Tell whether there are two days, and of both classes each: below, no variance can be estimated."""
        return self.judged_days > 1 and (self.kind.name == "binary" or self.kind.varies(self.label))


def measured(
    use_case: UseCase, run_id: str, as_of: str, labelled: LabelledRows, workspace: Workspace
) -> EvaluationEvidence:
    """Return the evidence on a run.

    Raises:
        ArtefactCorrupted: a model's files differ from what was trained.
        Outage: MLflow, the lake or the ledger does not answer.
    """
    holdout, registry = Holdout.of(use_case, labelled), workspace.registry
    binary = holdout.kind.name == "binary"
    evidence = EvaluationEvidence(
        run_id=run_id,
        problem=holdout.kind.name,
        rows=len(holdout.label),
        positives=int(holdout.label.sum()) if binary else None,
        days=len(set(holdout.days)),
        judged_days=holdout.judged_days,
        judgeable=holdout.judgeable,
        learned_days=_learned_days(registry.run(run_id), holdout),
    )
    if not holdout.judgeable:
        return evidence
    champion = newest_champion(workspace.ledger, use_case.name, other_than=run_id)
    run = registry.run(run_id)
    alone = _case(use_case, run, as_of, holdout, workspace)
    rows = None if champion is None else _champion_rows(champion, run, as_of, holdout, workspace)
    state, opponent = _comparable(champion, as_of, rows, alone.model, registry)
    case = _against(alone, state, opponent, rows)
    losses = _day_losses(case)
    return evidence.model_copy(
        update={
            "metrics": case.kind.metrics(case.label, case.score),
            "champion_state": state,
            "champion_version": champion.version if champion else "",
            "earlier_candidates": earlier_candidates(workspace.ledger, use_case.name, run_id, set(losses))
            if state == "compared"
            else 0,
            "figures": figures(case, list(use_case.evaluation.gates)),
            "day_losses": losses,
        }
    )


def figures(case: Case, gates: list[EvaluationGate]) -> dict[str, Figure]:
    """Return what the rules need and what people ask for anyway, by their keys.

    That is every metric of the kind with its error, and the primary one beside the baseline and the champion.
    """
    found: dict[str, Figure] = {}
    for metric in case.kind.problem.directions:
        try:
            found[f"metric:{metric}"] = estimated(case.kind, metric, case.label, case.score, case.days)
        except ValueError as error:
            found[f"metric:{metric}"] = Unmeasured(reason=str(error))
    for rule in [*gates, BaselineGate(kind="baseline"), ChampionGate(kind="champion")]:
        family = FAMILIES[rule.kind]
        key = family.key(rule, case.kind.name)
        if key in found or (rule.kind == "champion" and case.champion_score is None):
            continue
        try:
            found[key] = family.measure(rule, case)
        except KeyError as error:
            found[key] = Unmeasured(reason=f"neither a feature nor a column of the batch is called {error}")
        except (ValueError, TypeError) as error:
            found[key] = Unmeasured(reason=f"could not be measured: {error}")
    return found


def earlier_candidates(ledger: Ledger, use_case: str, run_id: str, days: set[str]) -> int:
    """Count the other runs that were compared with a champion on some of these days, before this run was.

    Asked again about the same run, the answer stays, whatever was evaluated since.
    """
    earlier: set[str] = set()
    for decision in reversed(ledger.find(use_case=use_case, gate=GATE)):
        other = decision.evidence["run_id"]
        if other == run_id:
            break
        shared = days & set(decision.evidence["day_losses"])
        if shared and decision.evidence["champion_state"] == "compared":
            earlier.add(other)
    return len(earlier)


def _case(use_case: UseCase, run: Run, as_of: str, holdout: Holdout, workspace: Workspace) -> Case:
    registry, run_id = workspace.registry, run.info.run_id
    features = load_features(use_case, workspace.settings)
    candidate = registry.load(registry.tagged_model(run_id, MODEL_TAG))
    baseline = registry.load(registry.tagged_model(run_id, BASELINE_TAG))
    return Case(
        kind=holdout.kind,
        rows=holdout.rows,
        label=holdout.label,
        days=holdout.days,
        model=candidate,
        score=holdout.kind.scores(candidate, holdout.rows),
        baseline_score=holdout.kind.scores(baseline, holdout.rows),
        attributes=_attributes(use_case, holdout.rows, features, as_of, workspace),
        numbers=tuple(features.numbers),
        categories=tuple(features.categories),
        budget=_budget(run, registry),
        state=_state(use_case, run, as_of, holdout),
    )


def _against(case: Case, state: ChampionState, opponent: Any, rows: pd.DataFrame | None) -> Case:
    if state != "compared":
        return replace(case, champion_state=state)
    asked = case.rows if rows is None else rows
    return replace(case, champion_state=state, champion_score=case.kind.scores(opponent, asked))


def _champion_rows(
    champion: Champion, run: Run, as_of: str, holdout: Holdout, workspace: Workspace
) -> pd.DataFrame | None:
    """Return the holdout as the champion's own definitions built it; None where they are the candidate's.

    None also where they did not build every row: the champion is then asked about the candidate's.
    """
    wanted, use_case = champion.feature_set_version, str(run.data.tags["airlock.use_case"])
    if wanted == run.data.tags[FEATURES_TAG]:
        return None
    own = workspace.lake.read(
        use_case,
        "features",
        partitions=sorted(set(holdout.days)),
        version=json.loads(run.data.tags[TABLES_TAG])["features"],
        known_by=partitions.parse(as_of),
        feature_set_version=wanted,
    )
    keys = [PARTITION, ROW_KEY]
    joined = holdout.rows[keys].merge(own, on=keys, how="left", validate="one_to_one", indicator=True)
    return joined if (joined["_merge"] == "both").all() else None


def _comparable(
    champion: Champion | None,
    as_of: str,
    rows: pd.DataFrame | None,
    candidate: Any,
    registry: Registry,
) -> tuple[ChampionState, Any]:
    """Say whether the champion can be compared with a candidate, and return its model if so."""
    if champion is None:
        return "none", None
    if champion.as_of > as_of:
        return "newer", None
    model = registry.load(champion.model)
    # Not asked of the rows: a table keeps the column of a feature that was removed, without values.
    if rows is None and not set(model.feature_names_in_) <= set(candidate.feature_names_in_):
        return "incompatible", None
    return "compared", model


def _attributes(
    use_case: UseCase, rows: pd.DataFrame, features: FeatureSet, as_of: str, workspace: Workspace
) -> dict[str, np.ndarray]:
    """Return the columns that rules name and no feature is, read from the batches row by row."""
    named: set[str] = set()
    for gate in use_case.evaluation.gates:
        named |= {gate.attribute} if isinstance(gate, FairnessGate) else set()
        named |= set(gate.by) if isinstance(gate, SlicesGate) else set()
    wanted = sorted((named - set(features.names)) & set(use_case.contract.columns))
    if not wanted:
        return {}
    days = sorted(set(rows[PARTITION]))
    batch = workspace.lake.read(use_case.name, "batches", partitions=days, known_by=partitions.parse(as_of))
    keyed = batch[wanted].assign(**{PARTITION: batch[PARTITION], ROW_KEY: row_keys(use_case, batch)})
    keyed = keyed.drop_duplicates([PARTITION, ROW_KEY])
    # Under a name of its own each: a column of the batch may be called as a column of the features table.
    renamed = keyed.rename(columns={name: f"attribute.{name}" for name in wanted})
    joined = rows[[PARTITION, ROW_KEY]].merge(renamed, on=[PARTITION, ROW_KEY], how="left")
    return {name: joined[f"attribute.{name}"].to_numpy() for name in wanted}


def _budget(run: Run, registry: Registry) -> dict[str, float]:
    folder = registry.model_folder(registry.tagged_model(run.info.run_id, MODEL_TAG))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    logged = {
        name: float(run.data.metrics[metric])
        for name, metric in _ARTEFACT_METRICS.items()
        if metric in run.data.metrics
    }
    return {"model_mb": round(size / _MEGABYTE, 4), **logged}


def _learned_days(run: Run, holdout: Holdout) -> list[str]:
    learned = partitions.span(*run.data.tags["airlock.train_partitions"].split(".."))
    return sorted(set(learned) & set(holdout.days))


def _state(use_case: UseCase, run: Run, as_of: str, holdout: Holdout) -> dict[str, object]:
    tags = run.data.tags
    window = [
        *partitions.span(*tags["airlock.train_partitions"].split("..")),
        *partitions.span(*tags[HOLDOUT_TAG].split("..")),
    ]
    return {
        "owner": use_case.owner,
        "card_missing": use_case.card.missing,
        "data_age_days": (partitions.parse(as_of) - partitions.parse(max(holdout.days))).days,
        "window_days": len(window),
        "missing_days": len(tags["airlock.missing_partitions"].split()),
    }


def _day_losses(case: Case) -> dict[str, DayLoss]:
    losses = case.kind.row_losses(case.label, case.score)
    return {
        str(day): DayLoss(rows=int((case.days == day).sum()), log_loss=float(losses[case.days == day].mean()))
        for day in sorted(set(case.days))
    }
