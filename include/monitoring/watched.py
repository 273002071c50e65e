"""What all watches of one partition share: what was scored, by whom, and where verdicts are recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from include import partitions
from include.champions import Champion, champion_at
from include.decisions import Decision, Ruling, Subject, decide
from include.errors import NotFound, NothingToDo
from include.feature_sets import FeatureSet, load_feature_sets
from include.lake import ROW_KEY
from include.monitoring.reference import Reference, read_reference

if TYPE_CHECKING:
    import pandas as pd

    from include.use_case import UseCase
    from include.workspace import Workspace

_INGESTION = "ingestion"


@dataclass(frozen=True)
class Watched:
    """One scored partition under watch.

    Attributes:
        predictions: its rows of the table, repeated ones included.
    """

    use_case: UseCase
    partition: str
    actor: str
    champion: Champion
    features: FeatureSet
    predictions: pd.DataFrame
    workspace: Workspace = field(repr=False)

    @property
    def as_of(self) -> str:
        return partitions.key_of(partitions.available_at(self.partition))

    @cached_property
    def scored(self) -> pd.DataFrame:
        """Each row once: of a repeated prediction the first counts."""
        return self.predictions.drop_duplicates(ROW_KEY, ignore_index=True)

    @cached_property
    def reference(self) -> Reference:
        return read_reference(self.workspace.registry, self.champion.model)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The features that were scored, with their `score`."""
        lake, name = self.workspace.lake, self.use_case.name
        version = self.champion.feature_set_version
        found = lake.read(name, "features", partitions=[self.partition], feature_set_version=version)
        return found.drop_duplicates(ROW_KEY).merge(self.scored[[ROW_KEY, "score"]], on=ROW_KEY)

    @cached_property
    def profiles(self) -> dict[str, dict[str, Any]]:
        """The profiles of its features by column: `count`, `nulls`, `quantiles`, `categories`, `mean`."""
        found = self.workspace.lake.read(
            self.use_case.name,
            "feature_profiles",
            partitions=[self.partition],
            columns=["column", "count", "nulls", "quantiles", "categories", "mean"],
            known_by=partitions.parse(self.as_of),
            feature_set_version=self.champion.feature_set_version,
        )
        rows = found.drop_duplicates("column").to_dict(orient="records")
        return {str(row["column"]): {str(name): value for name, value in row.items()} for row in rows}

    @cached_property
    def raw_drift(self) -> Mapping[str, Any]:
        """How far the columns of its batch lay from the days before, as the ingestion gate ranked them.

        One batch needs no second ranking: see `include.ingestion.evidence.DriftResult`. Empty where there was
        none. A batch that was refused later is not what was scored.
        """
        found = self.workspace.ledger.find(
            use_case=self.use_case.name, gate=_INGESTION, partition=self.partition
        )
        let_in = next((decision for decision in found if decision.verdict.opens), None)
        return (let_in.evidence.get("drift") if let_in else None) or {}

    def record(
        self,
        *,
        gate: str,
        ruling: Ruling,
        evidence: BaseModel,
        policy: BaseModel,
        partition: str | None = None,
        as_of: str | None = None,
    ) -> Decision:
        """Append a verdict to the ledger; about this partition and its as-of where nothing else is said."""
        about = partition or self.partition
        subject = Subject(
            use_case=self.use_case.name, partition=about, as_of=as_of or self.as_of, actor=self.actor
        )
        return self.workspace.ledger.append(
            decide(
                gate=gate,
                subject=subject,
                ruling=ruling,
                evidence=evidence,
                policy=policy,
                data_refs=[f"{subject.use_case}/predictions/{about}"],
            )
        )


def watch(use_case: UseCase, partition: str, *, actor: str, workspace: Workspace) -> Watched:
    """Return a partition with what was scored in it and the champion that scored it.

    Raises:
        NothingToDo: the partition was not scored, because there was no champion.
        NotFound: there was one, but the partition was not scored.
    """
    partitions.parse(partition)
    name = use_case.name
    champion = champion_at(workspace.ledger, name, partition)
    if champion is None:
        raise NothingToDo(f"{name} had no champion on {partition}, so there is nothing to watch")
    scored = workspace.lake.read(name, "predictions", partitions=[partition])
    if scored.empty:
        raise NotFound(f"{name} has no predictions for {partition}; run {name}.score for it first")
    return Watched(
        use_case=use_case,
        partition=partition,
        actor=actor,
        champion=champion,
        features=_known_to(champion, use_case, workspace),
        predictions=scored,
        workspace=workspace,
    )


def _known_to(champion: Champion, use_case: UseCase, workspace: Workspace) -> FeatureSet:
    """Return the definitions that the champion learned from; today's where its own are gone."""
    found = load_feature_sets(use_case, workspace.settings)
    return found.get(champion.feature_set_version, next(iter(found.values())))
