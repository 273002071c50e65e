"""What a replay came to: the AUC of each week, trainings, deployments and whether they harmed, alarms."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from include import partitions
from include.champions import Champion, champions_of
from include.decisions import Verdict
from include.lake import LABEL, PARTITION, ROW_KEY
from include.simulation.replay import Replay
from include.stats.auc import paired_auc_difference

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

# One-sided, as in the measurements that the design rests on: DeLong on the rows of the following week.
HARM_ALPHA = 0.05
_WEEK = 7


class Deployment(BaseModel):
    """A promotion that replaced a champion, judged on the week that followed.

    Attributes:
        difference: AUC of the new model minus that of the replaced one; None where the week cannot tell.
        harmful: significantly worse, rows taken as independent.
        harmful_by_days: significantly worse, days taken as blocks: fewer, because seven days say less.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: str
    effective_from: str
    version: str
    replaced: str
    difference: float | None
    harmful: bool
    harmful_by_days: bool


class Week(BaseModel):
    """One week, Monday to Sunday, from the first with a champion on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    monday: str
    rows: int
    roc_auc: float | None
    champion: str
    trainings: int
    promotions: int
    marked: list[str]
    alarms: list[str]
    refused: list[str]


class Outcome(BaseModel):
    """One policy over the whole range."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: str
    first: str
    last: str
    weeks: list[Week]
    trainings: dict[str, str]
    held_back: list[str]
    deployments: list[Deployment]
    refused: dict[str, str]

    @property
    def mean_auc(self) -> float:
        """Mean of the weekly AUCs; NaN without any."""
        found = [week.roc_auc for week in self.weeks if week.roc_auc is not None]
        return float(np.mean(found)) if found else float("nan")

    @property
    def harmful(self) -> int:
        return sum(deployment.harmful for deployment in self.deployments)

    @property
    def alarm_weeks(self) -> list[str]:
        return [week.monday for week in self.weeks if week.alarms]


@dataclass(frozen=True)
class _Scored:
    """All predictions of a replay with their labels."""

    day: NDArray[np.str_]
    label: NDArray[np.int_]
    score: NDArray[np.float64]


def outcome_of(replay: Replay) -> Outcome:
    """Read what a replay came to from its ledger and its predictions."""
    ledger, name = replay.workspace.ledger, replay.policy.use_case.name
    champions = list(reversed(champions_of(ledger, name)))
    ingested = ledger.newest_by_partition(name, "ingestion")
    held = [
        found
        for found in reversed(ledger.find(use_case=name, gate="retraining", verdict=Verdict.REFUSE))
        if found.evidence["asked_by"] == "schedule"
    ]
    return Outcome(
        policy=replay.policy.name,
        first=replay.history.days[0],
        last=replay.history.days[-1],
        weeks=list(_weeks(replay, champions)),
        trainings=replay.trainings,
        held_back=[found.as_of for found in held],
        deployments=[_deployment(new, old, replay) for old, new in pairwise(champions)],
        refused={day: found.reasons[0] for day, found in ingested.items() if not found.verdict.opens},
    )


def _weeks(replay: Replay, champions: list[Champion]) -> list[Week]:
    days = replay.history.days
    if not champions:
        return []
    first = champions[0].effective_from
    monday = partitions.shift(first, -partitions.parse(first).weekday())
    scored, found = _scored(replay), []
    while monday <= days[-1]:
        found.append(_week(replay, champions, scored, monday))
        monday = partitions.shift(monday, _WEEK)
    return found


def _week(replay: Replay, champions: list[Champion], scored: _Scored, monday: str) -> Week:
    from sklearn.metrics import roc_auc_score

    name, ledger, sunday = replay.policy.use_case.name, replay.workspace.ledger, partitions.shift(monday, 6)
    inside = (scored.day >= monday) & (scored.day <= sunday)
    label, score = scored.label[inside], scored.score[inside]
    in_use = [champion.version for champion in champions if champion.effective_from <= sunday]
    marked = {
        f"{gate} {day}"
        for gate in ("drift", "performance", "quality", "concept")
        for day, decision in ledger.newest_by_partition(name, gate, since=monday).items()
        if day <= sunday and decision.verdict is Verdict.WARN
    }
    alarms = [
        f"{decision.evidence['gate']} {decision.partition}"
        for decision in reversed(ledger.find(use_case=name, gate="alert", since=monday))
        if str(decision.partition) <= sunday and decision.evidence["kind"] == "opened"
    ]
    refused = [
        day
        for day, decision in ledger.newest_by_partition(name, "ingestion", since=monday).items()
        if day <= sunday and not decision.verdict.opens
    ]
    return Week(
        monday=monday,
        rows=len(label),
        roc_auc=round(float(roc_auc_score(label, score)), 6) if len(set(label)) > 1 else None,
        champion=in_use[-1] if in_use else "",
        trainings=sum(monday <= as_of <= sunday for as_of in replay.trainings),
        promotions=sum(monday <= champion.as_of <= sunday for champion in champions),
        marked=sorted(marked),
        alarms=alarms,
        refused=refused,
    )


def _scored(replay: Replay) -> _Scored:
    rows = replay.workspace.lake.read(replay.policy.use_case.name, "predictions")
    labels = _labels(replay, None)
    both = rows[[PARTITION, ROW_KEY, "score"]].merge(labels, on=[PARTITION, ROW_KEY], validate="one_to_one")
    return _Scored(
        both[PARTITION].to_numpy(dtype=str), both[LABEL].to_numpy(dtype=int), both["score"].to_numpy()
    )


def _labels(replay: Replay, days: list[str] | None) -> pd.DataFrame:
    labels = replay.workspace.lake.read(replay.policy.use_case.name, "labels", partitions=days)
    return labels[[PARTITION, ROW_KEY, LABEL]].dropna(subset=[LABEL])


def _deployment(new: Champion, old: Champion, replay: Replay) -> Deployment:
    days = partitions.span(new.effective_from, partitions.shift(new.effective_from, _WEEK - 1))
    lake, name = replay.workspace.lake, replay.policy.use_case.name
    rows = lake.read(name, "features", partitions=days, feature_set_version=new.feature_set_version)
    rows = rows.merge(_labels(replay, days), on=[PARTITION, ROW_KEY])
    found: dict[str, float | bool | None] = {"difference": None, "harmful": False, "harmful_by_days": False}
    label = rows[LABEL].to_numpy(dtype=int)
    if rows[PARTITION].nunique() > 1 and len(set(label)) > 1:
        after, before = _scores(new, rows, replay), _scores(old, rows, replay)
        by_rows = paired_auc_difference(label, after, before)
        by_days = paired_auc_difference(label, after, before, rows[PARTITION].to_numpy())
        found = {
            "difference": round(by_rows.difference, 6),
            "harmful": by_rows.upper(HARM_ALPHA) < 0,
            "harmful_by_days": by_days.upper(HARM_ALPHA) < 0,
        }
    return Deployment.model_validate(
        {
            "as_of": new.as_of,
            "effective_from": new.effective_from,
            "version": new.version,
            "replaced": old.version,
            **found,
        }
    )


def _scores(champion: Champion, rows: pd.DataFrame, replay: Replay) -> NDArray[np.float64]:
    model = replay.workspace.registry.load(champion.model)
    return np.asarray(model.predict_proba(rows[list(model.feature_names_in_)])[:, 1])
