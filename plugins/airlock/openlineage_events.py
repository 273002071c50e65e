"""What OpenLineage's listener of Airflow is told of our tasks: real data sets, schema, quality and verdict.

The provider asks an operator after its task has ended, in a process of its own, and only while it is switched
on; nothing here is imported before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.lake import SIDE_TABLE_PREFIX
from include.lineage.datasets import DataSet, lake_tables, raw_files

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airlock.operators.base import AirlockOperator
    from include.decisions import Decision
    from include.workspace import Workspace

_SEVERITY = {"refuse": "error"}
DECISION_FACET = "airlock_decision"
SIDE_TABLES, MODEL = "side tables", "model"


def lineage_of(
    operator: AirlockOperator, workspace: Workspace, partition: str | None, *, published: bool
) -> OperatorLineage[Any, Any]:
    """Return what a task read, what it wrote if its door was opened, and its decision.

    Args:
        operator: the one that was executed; it knows its tables and what it returned.
        workspace: where to look.
        partition: the data date, or None for a task that is about many.
        published: whether the task succeeded. A refused one has read, and has written nothing.
    """
    from airflow.providers.openlineage.extractors import OperatorLineage

    references = operator.references
    decision_id = references.get("decision_id")
    decision = workspace.ledger.get(decision_id) if decision_id else None
    read = raw_files(decision) if decision is not None and decision.gate == "ingestion" else []
    read += _tables(operator, workspace, operator.reads, partition)
    written = _tables(operator, workspace, operator.writes, partition) if published else []
    return OperatorLineage(
        inputs=[_input(found) for found in read],
        outputs=[_output(found) for found in written],
        run_facets={DECISION_FACET: decision_facet(decision)} if decision is not None else {},
    )


def _tables(
    operator: AirlockOperator, workspace: Workspace, names: tuple[str, ...], partition: str | None
) -> list[DataSet]:
    """Look up the tables of the lake, the side tables where all of them are meant, and the model."""
    lake, use_case = workspace.lake, operator.use_case
    found = lake_tables(
        lake, use_case, [name for name in names if name not in {SIDE_TABLES, MODEL}], partition
    )
    if SIDE_TABLES in names:
        side = workspace.use_case(use_case).source.side_tables
        found += lake_tables(lake, use_case, [f"{SIDE_TABLE_PREFIX}{name}" for name in side], partition)
    if MODEL in names:
        known = (operator.references.get(name) for name in ("model_version", "version", "run_id"))
        version = next((str(value) for value in known if value), "")
        found.append(DataSet(namespace="mlflow", name=use_case, version=version))
    return found


def decision_facet(decision: Decision) -> Any:
    """Return a decision as a run facet of our own."""
    import attr
    from openlineage.client.generated.base import RunFacet

    @attr.define
    class AirlockDecisionRunFacet(RunFacet):
        decisionId: str  # noqa: N815 -- OpenLineage spells facets so
        gate: str
        verdict: str
        reasons: list[str]
        rule: str
        policyHash: str  # noqa: N815
        asOf: str  # noqa: N815

        @staticmethod
        def _get_schema() -> str:
            return "urn:airlock:facets:1-0-0:AirlockDecisionRunFacet"

    return AirlockDecisionRunFacet(
        decisionId=decision.id,
        gate=decision.gate,
        verdict=decision.verdict.value,
        reasons=decision.reasons,
        rule=decision.rule,
        policyHash=decision.policy_hash,
        asOf=decision.as_of,
    )


def _facets(found: DataSet) -> dict[str, Any]:
    from openlineage.client.facet_v2 import dataset_type_dataset, dataset_version_dataset, schema_dataset

    facets: dict[str, Any] = {
        "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet(
            datasetType="TABLE" if found.fields else "FILE"
        )
    }
    if found.version:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=found.version)
    if found.fields:
        facets["schema"] = schema_dataset.SchemaDatasetFacet(
            fields=[
                schema_dataset.SchemaDatasetFacetFields(name=name, type=type_)
                for name, type_ in found.fields.items()
            ]
        )
    return facets


def _input(found: DataSet) -> Any:
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import (
        data_quality_assertions_dataset,
        data_quality_metrics_input_dataset,
    )

    metrics = data_quality_metrics_input_dataset
    facets: dict[str, Any] = {}
    if found.rows is not None or found.size is not None:
        facets["dataQualityMetrics"] = metrics.DataQualityMetricsInputDatasetFacet(
            columnMetrics={
                name: metrics.ColumnMetrics(nullCount=count) for name, count in found.nulls.items()
            },
            rowCount=found.rows,
            bytes=found.size,
        )
    if found.checks:
        facets["dataQualityAssertions"] = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
            assertions=[
                data_quality_assertions_dataset.Assertion(
                    assertion=check.rule,
                    success=check.success,
                    column=check.column or None,
                    severity=_SEVERITY.get(check.severity, "warn"),
                    actual=f"{check.violations} of {check.checked}",
                )
                for check in found.checks
            ]
        )
    return InputDataset(namespace=found.namespace, name=found.name, facets=_facets(found), inputFacets=facets)


def _output(found: DataSet) -> Any:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset

    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=found.rows)
    return OutputDataset(
        namespace=found.namespace,
        name=found.name,
        facets=_facets(found),
        outputFacets={"outputStatistics": statistics},
    )
