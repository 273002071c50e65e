"""What must hold of an installation, whatever was killed, cut off or done twice in it, once its work is done.

The figures are read from the stores themselves and not by the code that wrote them, as far as there is
another way: rows are counted in the tables, files are hashed, the registry is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain

from include.artefacts import check_digest
from include.champions import champions_of, newest_champion
from include.decisions import Decision
from include.errors import AirlockError, LedgerCorrupted
from include.hashing import digest_bytes
from include.lake import FEATURE_SET_VERSION, PARTITION, ROW_KEY, TABLES
from include.quarantine import HELD, RELEASED
from include.registry import CHAMPION, TRAINING_KEY
from include.snapshots import read_snapshots
from include.workspace import Workspace
from tests.comparison import side_tables

_INGESTION = "ingestion"
# What names one row of a table, beside its partition.
_KEYS = {
    "features": [FEATURE_SET_VERSION, ROW_KEY],
    "labels": [ROW_KEY],
    "predictions": [ROW_KEY],
    "profiles": ["column"],
    "feature_profiles": [FEATURE_SET_VERSION, "column"],
    "metrics": ["name"],
    "quarantine": ["table", "row"],
    "snapshots": ["table"],
}


def check(workspace: Workspace, use_case: str, *, models: bool = True) -> None:
    """Hold that nothing is lost, doubled or torn; the message names all that is.

    Args:
        workspace: opened afresh, after every stage has run to its end.
        use_case: whose tables, decisions and models.
        models: whether the champions' files are fetched and hashed too.
    """
    found = list(broken(workspace, use_case, models=models))
    assert not found, f"{len(found)} invariants are broken:\n" + "\n".join(found)


def broken(workspace: Workspace, use_case: str, *, models: bool = True) -> Iterator[str]:
    """Yield what does not hold, one line each."""
    try:
        workspace.ledger.verify()
    except LedgerCorrupted as error:
        yield f"ledger: {error}"
        return
    yield from chain(
        _rows_unaccounted_for(workspace, use_case),
        _doubled_rows(workspace, use_case),
        _rows_that_do_not_follow(workspace, use_case),
        _doubled_decisions(workspace, use_case),
        _torn_files(workspace, use_case),
        _champions(workspace, use_case, models=models),
        _doubled_models(workspace, use_case),
    )


def _published(workspace: Workspace, use_case: str) -> dict[str, Decision]:
    """Return the ingestion that let the batch of each partition in: the newest that opened."""
    found: dict[str, Decision] = {}
    for decision in workspace.ledger.find(use_case=use_case, gate=_INGESTION):
        if decision.verdict.opens or decision.mode == "fail_open":
            found.setdefault(str(decision.partition), decision)
    return found


def _rows_unaccounted_for(workspace: Workspace, use_case: str) -> Iterator[str]:
    """Hold that what landed is what was accepted, released, held and discarded, of one delivery."""
    batches = workspace.lake.read(use_case, "batches") if workspace.lake.find(use_case, "batches") else None
    days = {} if batches is None else dict(iter(batches.groupby(PARTITION)))
    aside = _aside(workspace, use_case)
    opened = _published(workspace, use_case)
    snapshots = read_snapshots(workspace.lake, use_case)
    if lost := sorted(set(opened) - set(days)):
        yield f"batches: {lost} were let in and are not there"
    if stray := sorted(set(days) - set(opened)):
        yield f"batches: {stray} are there and no decision let them in"
    for day in sorted(set(days) & set(opened)):
        rows, evidence = days[day], opened[day].evidence
        states = aside.get(day, Counter())
        outside = sum(states.values()) - states[RELEASED]
        if len(rows) + outside != evidence["rows"]:
            yield f"batches of {day}: {len(rows)} + {outside} set aside, {evidence['rows']} landed"
        let_in = int(rows["released_by"].notna().sum()) if "released_by" in rows else 0
        if let_in != states[RELEASED]:
            yield f"batches of {day}: {let_in} rows were let in, {states[RELEASED]} are called released"
        if set(rows["source_hash"]) != {
            one["sha256"] for one in evidence["files"] if one["table"] == "batch"
        }:
            yield f"batches of {day}: not the file that decision {opened[day].id} was shown"
        if rows["content_hash"].nunique() != 1:
            yield f"batches of {day}: parts of {rows['content_hash'].nunique()} writes stand together"
        told = {one.table: one for one in snapshots.get(day, [])}.get("batch")
        if told is None:
            yield f"snapshots of {day}: the batch has none"
        elif (told.landed, told.accepted + told.released, told.held) != (
            evidence["rows"], len(rows), states[HELD],
        ):  # fmt: skip
            yield f"snapshots of {day}: {told} of {len(rows)} rows and {dict(states)}"


def _aside(workspace: Workspace, use_case: str) -> dict[str, Counter[str]]:
    """Count the rows of batches in the quarantine, by partition and state."""
    if workspace.lake.find(use_case, "quarantine") is None:
        return {}
    rows = workspace.lake.read(use_case, "quarantine")
    rows = rows[rows["table"] == "batch"]
    return {str(day): Counter(part["state"]) for day, part in rows.groupby(PARTITION)}


def _doubled_rows(workspace: Workspace, use_case: str) -> Iterator[str]:
    """Hold that no row stands twice in a partition of a table."""
    declared = workspace.use_case(use_case)
    keys = {**_KEYS, "batches": list(declared.problem.key)}
    keys |= {
        f"side_{name}": list(side.contract.unique)
        for name, side in declared.source.side_tables.items()
        if side.contract.unique
    }
    for table in (*TABLES, *side_tables(workspace, use_case)):
        if workspace.lake.find(use_case, table) is None or table not in keys:
            continue
        rows = workspace.lake.read(use_case, table)
        twice = rows[rows.duplicated([PARTITION, *keys[table]], keep=False)]
        for day, part in twice.groupby(PARTITION):
            yield f"{table} of {day}: {len(part)} rows share their key"


def _rows_that_do_not_follow(workspace: Workspace, use_case: str) -> Iterator[str]:
    """Hold that the tables that follow from a batch speak of its rows, all of them and no others."""
    for table, source in (("features", "batches"), ("labels", "batches"), ("predictions", "features")):
        theirs, ours = (_counts(workspace, use_case, name) for name in (source, table))
        for day, count in ours.items():
            if count != theirs.get(day, 0):
                yield f"{table} of {day}: {count} rows, {source} has {theirs.get(day, 0)}"


def _counts(workspace: Workspace, use_case: str, table: str) -> dict[str, int]:
    if workspace.lake.find(use_case, table) is None:
        return {}
    rows = workspace.lake.read(use_case, table)
    if FEATURE_SET_VERSION in rows:
        # Sets side by side have the same rows each.
        counted = rows.groupby([PARTITION, FEATURE_SET_VERSION]).size()
        return {str(day): int(count) for day, count in counted.groupby(level=0).max().items()}
    return {str(day): int(count) for day, count in rows.groupby(PARTITION).size().items()}


def _doubled_decisions(workspace: Workspace, use_case: str) -> Iterator[str]:
    """Hold that the same ruling on the same evidence was not recorded twice in a row."""
    newest: dict[tuple[str, str | None, str], Decision] = {}
    for decision in reversed(workspace.ledger.find(use_case=use_case)):
        subject = (decision.gate, decision.partition, decision.as_of)
        before = newest.get(subject)
        if before is not None and before.fingerprint == decision.fingerprint:
            yield f"ledger: {decision.gate} of {decision.partition} was recorded twice, {decision.id} too"
        newest[subject] = decision


def _torn_files(workspace: Workspace, use_case: str) -> Iterator[str]:
    """Hold that each file is what its name says, that named ones are there and that none is half."""
    for key in workspace.raw.list(f"{use_case}/"):
        named = key.rpartition("/")[2].partition(".")[0]
        if digest_bytes(workspace.raw.get(key)) != named:
            yield f"raw file {key}: its content is another"
    for key in workspace.selections.list():
        if digest_bytes(workspace.selections.get(key)) != key.removesuffix(".json"):
            yield f"selection {key}: its content is another"
    for day, decision in _published(workspace, use_case).items():
        for file in decision.evidence["files"]:
            # In a copy of an installation, older decisions name the place that it was copied from.
            key = file["raw"].rpartition("/_raw/")[2]
            if key and not workspace.raw.exists(key):
                yield f"raw file of {day}: decision {decision.id} names {file['raw']}, which is not there"
    for key in workspace.reports.list(f"{use_case}/"):
        if key.endswith(".html") and b"</html>" not in workspace.reports.get(key)[-200:]:
            yield f"report {key}: it has no end"


def _champions(workspace: Workspace, use_case: str, *, models: bool) -> Iterator[str]:
    """Hold that there is one champion, that MLflow's alias says the same, and that its files are whole."""
    champion = newest_champion(workspace.ledger, use_case)
    expected = champion.version if champion else None
    alias = workspace.registry.alias_version(use_case, CHAMPION)
    if alias != expected:
        yield f"champion: MLflow says version {alias}, the ledger {expected}"
    for one in champions_of(workspace.ledger, use_case):
        if workspace.registry.version_model(use_case, one.version) != one.model:
            yield f"champion: version {one.version} is not the model of decision {one.decision_id}"
        if workspace.registry.run(one.run_id).info.status != "FINISHED":
            yield f"champion: run {one.run_id} of version {one.version} has not ended"
        if models:
            try:
                folder = workspace.registry.model_folder(one.model)
                check_digest(folder, uri=one.model.uri, recorded=one.model.sha256)
            except AirlockError as error:
                yield f"champion: version {one.version}: {error}"


def _doubled_models(workspace: Workspace, use_case: str) -> Iterator[str]:
    """Hold that a run is registered once, and that the same inputs were trained to their end once."""
    client = workspace.registry.client
    runs = Counter(found.run_id for found in client.search_model_versions(f"name = '{use_case}'"))
    for run_id, count in runs.items():
        if count > 1:
            yield f"registry: run {run_id} is registered {count} times"
    finished = client.search_runs(
        [workspace.registry.experiment_id(use_case)],
        filter_string="attributes.status = 'FINISHED'",
        max_results=1000,
    )
    keys = Counter(run.data.tags[TRAINING_KEY] for run in finished if TRAINING_KEY in run.data.tags)
    for key, count in keys.items():
        if count > 1:
            yield f"registry: {count} finished runs were trained from the same inputs, {key}"
