"""Faults of data and artefacts, put into a real home between its stages: contamination, a leak, a swap."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.decisions.caught import Caught
from include.errors import ArtefactCorrupted, GateRefused

if TYPE_CHECKING:
    from include.use_case import UseCase
    from include.workspace import Workspace


def faults_of_stages(use_case: UseCase, as_of: str, workspace: Workspace) -> list[Caught]:
    """Return the faults that need real stages, in a home with a champion as of a date, which they spoil."""
    return [
        _holdout_contaminated(use_case, as_of, workspace),
        _label_leaked(use_case, as_of, workspace),
        _artefact_swapped(use_case, workspace),
    ]


def _attempt(name: str, attempt: Callable[[], object]) -> Caught:
    try:
        attempt()
    except GateRefused as refusal:
        return Caught(name, refusal.gate, refusal.reasons[0])
    except ArtefactCorrupted as error:
        return Caught(name, "registry", str(error))
    return Caught(name, "", "nothing was refused")


def _holdout_contaminated(use_case: UseCase, as_of: str, workspace: Workspace) -> Caught:
    from include.champions import newest_champion
    from include.evaluation.stage import evaluate

    champion = newest_champion(workspace.ledger, use_case.name)
    if champion is None:
        return Caught("holdout contamination", "", "there is no champion to try it on")
    tags = workspace.registry.run(champion.run_id).data.tags
    first, last = (
        tags["airlock.train_partitions"].split("..")[0],
        tags["airlock.holdout_partitions"].split("..")[1],
    )
    learned = {"airlock.train_partitions": f"{first}..{last}"}
    workspace.registry.log_to_run(champion.run_id, metrics={}, tags=learned)
    return _attempt(
        "holdout contamination",
        lambda: evaluate(use_case, champion.run_id, as_of, actor="gate-faults", workspace=workspace),
    )


def _label_leaked(use_case: UseCase, as_of: str, workspace: Workspace) -> Caught:
    """Write the label, thinly veiled, into a feature of every day, and train."""
    from include.feature_sets import load_features
    from include.lake import AUDIT_COLUMNS, PARTITION, ROW_KEY
    from include.training.stage import train

    lake, name = workspace.lake, use_case.name
    version = load_features(use_case, workspace.settings).version
    for day in lake.partitions(name, "features", feature_set_version=version):
        rows = lake.read(name, "features", partitions=[day], feature_set_version=version)
        labels = lake.read(name, "labels", partitions=[day])[[ROW_KEY, "label"]]
        label = rows[[ROW_KEY]].merge(labels, on=ROW_KEY, how="left")["label"].astype("float64").fillna(0.5)
        leaking = rows.assign(distance=(rows["distance"] * 0.01 + 900 * label.to_numpy()))
        kept = [
            column for column in leaking if column not in {*AUDIT_COLUMNS, PARTITION} or column == "known_at"
        ]
        lake.write_partition(
            name,
            "features",
            day,
            leaking[kept],
            source_hash="leak",
            contract_hash=rows["contract_hash"].iloc[0],
            version=version,
        )
    return _attempt(
        "label leak",
        lambda: train(use_case, as_of, reason="gate-faults", actor="gate-faults", workspace=workspace),
    )


def _artefact_swapped(use_case: UseCase, workspace: Workspace) -> Caught:
    from include.champions import newest_champion

    champion = newest_champion(workspace.ledger, use_case.name)
    if champion is None:
        return Caught("swapped artefact", "", "there is no champion to try it on")
    stored = workspace.registry.model_folder(champion.model) / "model.skops"
    with stored.open("r+b") as file:
        file.seek(200)
        byte = file.read(1)
        file.seek(200)
        file.write(bytes([byte[0] ^ 1]))
    return _attempt("swapped artefact", lambda: workspace.registry.load(champion.model))


def prepared_home(home: Path, as_of: str) -> tuple[UseCase, Workspace]:
    """Return a home with two weeks of flights and a champion, made by the stages themselves."""
    from cli.landing import land_flights
    from include import partitions
    from include.features.stage import build
    from include.ingestion.stage import ingest
    from include.settings import Settings
    from include.simulation.candidate import evaluate_and_promote
    from include.training.stage import train
    from include.workspace import Workspace

    workspace = Workspace(Settings(home=home, _env_file=None))  # type: ignore[call-arg]
    use_case = workspace.use_case("flights")
    days = partitions.span("2013-01-01", partitions.last_visible(as_of))
    land_flights(workspace.settings.landing, days[0], days[-1])
    for day in days:
        ingest(use_case, day, actor="gate-faults", workspace=workspace)
        build(use_case, day, actor="gate-faults", workspace=workspace)
    run = train(use_case, as_of, reason="gate-faults", actor="gate-faults", workspace=workspace)
    evaluate_and_promote(use_case, run.run_id, as_of, actor="gate-faults", workspace=workspace)
    return use_case, workspace
