"""From a partition, or one of its rows, back to the bytes that landed.

Every link is compared, none assumed: predictions name the hash of the model's files and of their features,
the features that of everything they were built from, the batch the SHA-256 of its raw file, and the raw file
is hashed again. The hashes of rows are those stored beside them; `./airlock verify` proves the ledger. MLflow
adds the run, and where it is silent a note says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from include import partitions
from include.champions import champion_at
from include.decisions import Decision
from include.errors import NotFound, Outage
from include.hashing import digest
from include.lake import FEATURE_SET_VERSION, SIDE_TABLE_PREFIX
from include.lineage.aside import SetAside, set_aside, settled_rows
from include.lineage.facts import (
    BATCH,
    FEATURES,
    INGESTION,
    TRAINING,
    Fact,
    RawFile,
    Row,
    Rows,
    landed_files,
    raw_file,
    rows_of,
    source_hash,
    table_versions,
)
from include.lineage.reach import look_back, side_reach, window_days
from include.lineage.removed import tell_removed
from include.lineage.rows import find_row
from include.lineage.runs import Run, read_run
from include.lineage.sources import source_now
from include.workspace import Workspace


class Trace(Fact):
    """The way back. What does not exist is None: a refused batch has no features, a cold start no champion.

    Attributes:
        set_aside: rows of the partition that broke a rule of severity `quarantine`.
        settled: releases and discards of rows of the published batch.
        broken: links that do not hold; each is a reason to distrust the data.
        notes: what a reader should know besides.
    """

    use_case: str
    partition: str
    row: Row | None
    predictions: Rows | None
    promotion: Decision | None
    evaluation: Decision | None
    training: Decision | None
    run: Run | None
    features: Rows | None
    features_decision: Decision | None
    batch: Rows | None
    ingestion: Decision | None
    files: list[RawFile]
    set_aside: list[SetAside]
    settled: list[Decision]
    broken: list[str]
    notes: list[str]


def trace(workspace: Workspace, use_case: str, partition: str, *, row_key: str | None = None) -> Trace:
    """Follow a partition back to its raw files.

    Raises:
        NotFound: nothing is known of this partition, or the row is not in it.
        Outage: the ledger or the lake does not answer.
    """
    partitions.parse(partition)
    walk = _Walk(workspace, use_case, partition)
    ingestion = walk.ingestion()
    features_decision = walk.features_decision()
    model = walk.model()
    return Trace(
        use_case=use_case,
        partition=partition,
        row=None
        if row_key is None
        else find_row(workspace.lake, use_case, partition, row_key, walk.feature_set_version),
        predictions=walk.predictions,
        promotion=model.promotion,
        evaluation=model.evaluation,
        training=model.training,
        run=model.run,
        features=walk.features,
        features_decision=features_decision,
        batch=walk.batch,
        ingestion=ingestion,
        files=walk.files(ingestion),
        set_aside=set_aside(workspace.lake, use_case, partition),
        settled=walk.settled(),
        broken=walk.broken,
        notes=walk.notes,
    )


@dataclass
class _Model:
    promotion: Decision | None = None
    evaluation: Decision | None = None
    training: Decision | None = None
    run: Run | None = None


@dataclass
class _Walk:
    """One walk back, with what was found on the way."""

    workspace: Workspace
    use_case: str
    partition: str
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.batch = self._rows("batches")
        self.predictions = self._rows("predictions", "model_version", "promotion_id")
        self.feature_set_version = self._feature_set_version()
        self.features = rows_of(
            self.workspace.lake,
            self.use_case,
            "features",
            self.partition,
            FEATURE_SET_VERSION,
            feature_set_version=self.feature_set_version,
        )
        self.reach = sorted(side_reach(self.workspace, self.use_case).items()) if self.features else []

    def _rows(self, table: str, *named: str) -> Rows | None:
        return rows_of(self.workspace.lake, self.use_case, table, self.partition, *named)

    def _feature_set_version(self) -> str | None:
        """Return the feature set that was scored; of an unscored partition the one published last."""
        standing = self.workspace.lake.feature_set_versions(self.use_case)
        there = [version for version, days in standing.items() if self.partition in days]
        named = [
            found.evidence.get(FEATURE_SET_VERSION)
            for found in self._decisions(FEATURES, self.partition)
            if found.verdict.opens
        ]
        if self.predictions is not None:
            promotion = self._promotion(self.predictions.named["promotion_id"])
            named.insert(0, promotion.evidence[FEATURE_SET_VERSION] if promotion else None)
        return next((version for version in named if version in there), next(iter(there), None))

    def _promotion(self, decision_id: str) -> Decision | None:
        try:
            return self.workspace.ledger.get(decision_id)
        except NotFound:
            return None

    def _decisions(self, gate: str, partition: str | None = None) -> list[Decision]:
        return self.workspace.ledger.find(use_case=self.use_case, gate=gate, partition=partition)

    def ingestion(self) -> Decision | None:
        """Return the decision that let the published batch in; the newest one when none is published."""
        decisions = self._decisions(INGESTION, self.partition)
        if self.batch is None:
            if not decisions:
                raise NotFound(
                    f"Nothing is known of {self.use_case} on {self.partition}: no decision and no rows. Run "
                    f"{self.use_case}.ingest for it, or see what is known with: ./airlock decisions"
                )
            self.notes.append(f"no batch of {self.partition} is published")
            return decisions[0]
        admitting = [
            decision
            for decision in decisions
            if decision.verdict.opens and self.batch.source_hash == source_hash(decision, BATCH)
        ]
        if not admitting:
            self.broken.append(
                f"no decision lets in the file {self.batch.source_hash}, which the batch was made from"
            )
            return None
        if decisions[0].id != admitting[0].id:
            self.notes.append(
                f"a later look at {self.partition} ended with {decisions[0].verdict.value}, decision "
                f"{decisions[0].id}; the rows of before stand"
            )
        return admitting[0]

    def settled(self) -> list[Decision]:
        """Return the releases and discards behind the batch; those that its rows name must be among them."""
        if self.batch is None:
            return []
        found, missing = settled_rows(self.workspace, self.use_case, self.partition, self.batch)
        self.broken += [
            f"rows of the batch name the release {name}, unknown to the ledger" for name in missing
        ]
        return found

    def features_decision(self) -> Decision | None:
        """Return the decision that let the features in, by the batch that it names.

        The features themselves name all that they were built from: batch, side tables, and the days before.
        """
        if self.features is None or self.batch is None:
            return None
        now = source_now(
            self.workspace.lake,
            self.use_case,
            self.partition,
            side_reach=dict(self.reach),
            window_days=window_days(self.workspace, self.use_case),
        )
        if self.features.source_hash != str(now):
            self.notes.append("the features were not built from the rows that stand there now; build again")
        batch = f"{self.use_case}/batches#{now.batch}"
        decisions = [found for found in self._decisions(FEATURES, self.partition) if found.verdict.opens]
        decided = [found for found in decisions if batch in found.data_refs]
        of_this_set = [
            found for found in decided if found.evidence.get(FEATURE_SET_VERSION) == self.feature_set_version
        ]
        return next(iter(of_this_set), None)

    def _side_rows(self, table: str, day: str) -> Rows | None:
        return rows_of(self.workspace.lake, self.use_case, f"{SIDE_TABLE_PREFIX}{table}", day)

    def model(self) -> _Model:
        """Return the decisions behind the predictions, and the run."""
        if self.predictions is None:
            self.notes.append(f"{self.partition} is not scored")
            return _Model()
        if self.features is None or self.predictions.source_hash != digest([self.features.content_hash]):
            self.notes.append(
                "the features were built again after the predictions; score the partition again"
            )
        ledger, promotion_id = self.workspace.ledger, self.predictions.named["promotion_id"]
        try:
            promotion = ledger.get(promotion_id)
            evaluation = ledger.get(promotion.evidence["evaluation_id"])
        except NotFound as error:
            self.broken.append(f"the predictions name a decision that the ledger does not hold: {error}")
            return _Model()
        model = promotion.evidence["model"]["sha256"]
        if self.predictions.contract_hash != model:
            self.broken.append(
                f"the predictions name model files {self.predictions.contract_hash}, promoted were {model}"
            )
        self._check_champion(promotion)
        return _Model(promotion, evaluation, self._training(evaluation), self._run(promotion))

    def _check_champion(self, promotion: Decision) -> None:
        champion = champion_at(self.workspace.ledger, self.use_case, self.partition)
        if champion is None or champion.decision_id != promotion.id:
            today = f"version {champion.version}" if champion else "no version"
            self.notes.append(
                f"version {promotion.evidence['version']} made the predictions; by the ledger {today} "
                f"decides on {self.partition} now"
            )

    def _training(self, evaluation: Decision) -> Decision | None:
        """Return the decision to train: of the same as-of, on the same versions of the tables."""
        wanted = table_versions(evaluation)
        same = (
            found
            for found in self._decisions(TRAINING)
            if found.as_of == evaluation.as_of and table_versions(found) == wanted
        )
        return next(same, None)

    def _run(self, promotion: Decision) -> Run | None:
        try:
            return read_run(self.workspace, promotion.evidence["run_id"])
        except (NotFound, Outage) as error:
            self.notes.append(f"the training run is not shown: {error}")
            return None

    def files(self, ingestion: Decision | None) -> list[RawFile]:
        """Return the raw files: those of the decision, and of the side tables that early events look into."""
        found = self._raw_files(self.partition, landed_files(ingestion) if ingestion else [])
        for table, days in self.reach if self.features is not None else []:
            for day in look_back(self.partition, days)[:-1]:
                found += self._side_files(table, day)
        found = tell_removed(self.workspace.ledger, self.use_case, found)
        for file in found:
            if file.state in {"changed", "missing"}:
                self.broken.append(
                    f"raw file {file.address} is {file.state}; its SHA-256 was {file.sha256} when it landed"
                )
        return found

    def _raw_files(self, partition: str, landed: list[dict[str, Any]]) -> list[RawFile]:
        return [raw_file(self.workspace.raw, self.use_case, partition, file) for file in landed]

    def _side_files(self, table: str, day: str) -> list[RawFile]:
        rows = self._side_rows(table, day)
        if rows is None:
            return []
        landed = next(
            (
                [file for file in landed_files(decision) if file["table"] == table]
                for decision in self._decisions(INGESTION, day)
                if source_hash(decision, table) == rows.source_hash
            ),
            [],
        )
        if not landed:
            self.broken.append(f"no decision lets in the file {rows.source_hash} of {table} on {day}")
        return self._raw_files(day, landed)
