"""From a partition, or one of its rows, back to the bytes that landed.

Every link is compared, none assumed: predictions name the hash of the model's files and of their features,
the features that of everything they were built from, the batch the SHA-256 of its raw file, and the raw file
is hashed again. The hashes of rows are those stored beside them; `./airlock verify` proves the ledger. MLflow
adds the run, and where it is silent a note says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from include import partitions
from include.decisions import Decision
from include.errors import NotFound
from include.hashing import digest
from include.lake import FEATURE_SET_VERSION
from include.lineage.aside import SetAside, set_aside, settled_rows
from include.lineage.facts import (
    BATCH,
    FEATURES,
    INGESTION,
    Fact,
    RawFile,
    Remarks,
    Row,
    Rows,
    rows_of,
    source_hash,
)
from include.lineage.files import files_behind
from include.lineage.model import Model, model_behind
from include.lineage.reach import side_reach, window_days
from include.lineage.rows import find_row
from include.lineage.runs import Run
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
        files=files_behind(
            workspace, use_case, partition, ingestion, side_reach=walk.side_reach, remarks=walk.remarks
        ),
        set_aside=set_aside(workspace.lake, use_case, partition),
        settled=walk.settled(),
        broken=walk.remarks.broken,
        notes=walk.remarks.notes,
    )


@dataclass
class _Walk:
    """One walk back, with what was found on the way."""

    workspace: Workspace
    use_case: str
    partition: str
    remarks: Remarks = field(default_factory=Remarks)

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
        self.side_reach = side_reach(self.workspace, self.use_case) if self.features else {}

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
            self.remarks.notes.append(f"no batch of {self.partition} is published")
            return decisions[0]
        admitting = [
            decision
            for decision in decisions
            if decision.verdict.opens and self.batch.source_hash == source_hash(decision, BATCH)
        ]
        if not admitting:
            self.remarks.broken.append(
                f"no decision lets in the file {self.batch.source_hash}, which the batch was made from"
            )
            return None
        if decisions[0].id != admitting[0].id:
            self.remarks.notes.append(
                f"a later look at {self.partition} ended with {decisions[0].verdict.value}, decision "
                f"{decisions[0].id}; the rows of before stand"
            )
        return admitting[0]

    def settled(self) -> list[Decision]:
        """Return the releases and discards behind the batch; those that its rows name must be among them."""
        if self.batch is None:
            return []
        found, missing = settled_rows(self.workspace, self.use_case, self.partition, self.batch)
        self.remarks.broken += [
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
            side_reach=self.side_reach,
            window_days=window_days(self.workspace, self.use_case),
        )
        if self.features.source_hash != str(now):
            self.remarks.notes.append(
                "the features were not built from the rows that stand there now; build again"
            )
        batch = f"{self.use_case}/batches#{now.batch}"
        decisions = [found for found in self._decisions(FEATURES, self.partition) if found.verdict.opens]
        decided = [found for found in decisions if batch in found.data_refs]
        of_this_set = [
            found for found in decided if found.evidence.get(FEATURE_SET_VERSION) == self.feature_set_version
        ]
        return next(iter(of_this_set), None)

    def model(self) -> Model:
        """Return the decisions behind the predictions, and the run."""
        if self.predictions is None:
            self.remarks.notes.append(f"{self.partition} is not scored")
            return Model()
        if self.features is None or self.predictions.source_hash != digest([self.features.content_hash]):
            self.remarks.notes.append(
                "the features were built again after the predictions; score the partition again"
            )
        return model_behind(self.workspace, self.use_case, self.partition, self.predictions, self.remarks)
