"""Assembling all that a candidate is made from, point in time, and naming it so that it can be made again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from include import partitions
from include.decisions import code_version
from include.feature_sets import FeatureSet, load_features
from include.hashing import digest, digest_file
from include.lake import TableRef
from include.training.fitting import Recipe
from include.training.models import custom_file
from include.training_sets import LabelledRows, Window, read_labelled, window_of
from include.use_case import UseCase
from include.use_case_sections import CustomModel
from include.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

_NEVER_LANDED = "never landed"
_SHUT = {"ingestion": "refused by the contract", "features": "features refused"}


@dataclass(frozen=True)
class TrainingSet:
    """All that a candidate is made from.

    Attributes:
        entities: values of the declared entity columns that stand in training and holdout both, by column.
    """

    use_case: UseCase
    as_of: str
    features: FeatureSet
    recipe: Recipe
    window: Window
    labelled: LabelledRows
    entities: dict[str, int]

    @classmethod
    def assembled(
        cls, use_case: UseCase, as_of: str, workspace: Workspace, *, versions: dict[str, int] | None = None
    ) -> TrainingSet:
        """Read the rows that were knowable at the as-of.

        Args:
            use_case: what is learned.
            as_of: data time up to which data may be seen.
            workspace: where it is read.
            versions: table versions to read; the newest where left out.
        """
        window, settings = window_of(use_case, as_of), workspace.settings
        features = load_features(use_case, settings)
        return cls(
            use_case=use_case,
            as_of=as_of,
            features=features,
            recipe=Recipe.of(
                use_case, features, threads=settings.omp_num_threads, use_cases_dir=settings.use_cases_dir
            ),
            window=window,
            labelled=read_labelled(
                use_case,
                [*window.train, *window.holdout],
                as_of,
                workspace.lake,
                feature_set_version=features.version,
                versions=versions,
            ),
            entities=_shared_entities(use_case, window, as_of, workspace),
        )

    @cached_property
    def key(self) -> str:
        """Hash of everything that the trained model depends on."""
        made_from = [self.as_of, self.use_case.hash, self.features.version, self.labelled.content]
        return digest([*made_from, *self.custom_code.values(), code_version()])

    @property
    def custom_code(self) -> dict[str, str]:
        """Hashes of the files in which functions of custom models stand, by name."""
        rule, folder = self.use_case.training, self.recipe.folder
        files = [
            custom_file(model, folder)
            for model in (rule.model, rule.baseline)
            if isinstance(model, CustomModel) and folder is not None
        ]
        return {path.name: digest_file(path) for path in files if path.is_file()}

    @property
    def reads_outcome(self) -> dict[str, list[str]]:
        """Columns known only after the outcome that features read, which their declaration allows none."""
        forbidden = self.use_case.forbidden_features
        read = {feature.name: feature.reads for feature in self.features.features}
        return {name: sorted(found) for name, columns in read.items() if (found := forbidden & set(columns))}

    @cached_property
    def learned(self) -> pd.DataFrame:
        return self.labelled.of(self.window.train)

    @cached_property
    def held_out(self) -> pd.DataFrame:
        return self.labelled.of(self.window.holdout)


def built_otherwise(training_set: TrainingSet, workspace: Workspace) -> dict[str, list[str]]:
    """Return the days that stand in other versions only, by version, without those refused in today's."""
    others = training_set.labelled.built_otherwise
    if not others:
        return {}
    refused = {
        day
        for day, decision in workspace.ledger.newest_by_partition(
            training_set.use_case.name, "features"
        ).items()
        if not decision.verdict.opens
        and decision.evidence["feature_set_version"] == training_set.features.version
    }
    found = {version: [day for day in days if day not in refused] for version, days in others.items()}
    return {version: days for version, days in found.items() if days}


def why_missing(training_set: TrainingSet, workspace: Workspace) -> dict[str, list[str]]:
    """Return the partitions of the window without usable rows, by the reason that the ledger gives."""
    if not training_set.labelled.missing:
        return {}
    name = training_set.use_case.name
    decided = {gate: workspace.ledger.newest_by_partition(name, gate) for gate in _SHUT}
    featured = set(workspace.lake.partitions(name, "features"))
    found: dict[str, list[str]] = defaultdict(list)
    for day in training_set.labelled.missing:
        shut = [gate for gate in _SHUT if day in decided[gate] and not decided[gate][day].verdict.opens]
        if day in featured and not shut:
            found["without a row whose label was known in time"].append(day)
        elif shut:
            decision = decided[shut[0]][day]
            found[f"{_SHUT[shut[0]]}, decision {decision.id[:8]}: {decision.reasons[0]}"].append(day)
        elif day in decided["ingestion"]:
            found["accepted, but without features"].append(day)
        else:
            found[_NEVER_LANDED].append(day)
    return dict(found)


def _shared_entities(use_case: UseCase, window: Window, as_of: str, workspace: Workspace) -> dict[str, int]:
    """Count the values of each declared entity column that stand in training and in holdout."""
    columns = use_case.training.disjoint_entities
    if not columns or not window.train or workspace.lake.version(use_case.name, "batches") < 0:
        return {}
    trained, held_out = (
        workspace.lake.read(
            use_case.name, "batches", partitions=days, columns=columns, known_by=partitions.parse(as_of)
        )
        for days in (window.train, window.holdout)
    )
    return {name: len(set(trained[name].dropna()) & set(held_out[name].dropna())) for name in columns}


def entity_ref(training_set: TrainingSet, workspace: Workspace) -> list[TableRef]:
    """Return what the entities were read from, if any were declared."""
    use_case, window = training_set.use_case, training_set.window
    if not training_set.entities:
        return []
    version = workspace.lake.version(use_case.name, "batches")
    return [
        TableRef(
            use_case=use_case.name,
            table="batches",
            version=version,
            first=window.train[0],
            last=window.holdout[-1],
        )
    ]
