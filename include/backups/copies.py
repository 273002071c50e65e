"""`backup` and `restore`: ledger, MLflow and lake, in a folder or a bucket.

The order makes a copy of a running installation whole: the ledger is read first, so that everything it names
is there already; of each table the log is listed before its files, so that no file that it names is missed.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from include.alerts.deliveries import Deliveries
from include.backups import databases
from include.backups.checks import Finding, findings, table_versions
from include.errors import ConfigurationError, NotFound
from include.ledger import Ledger
from include.settings import Settings
from include.storage import ObjectStore, open_store
from include.workspace import Workspace

MANIFEST = "manifest.json"
FORMAT = 1
_LOG = "/_delta_log/"
Report = Callable[[str], None]


@dataclass(frozen=True)
class Manifest:
    """What a backup holds.

    Attributes:
        format: of the backup.
        made_at: by the clock of the machine.
        decisions: number of decisions in the ledger.
        head: hash of the newest.
        tables: newest version of each table, by `use case/table`.
        rows: number of rows, by database and table.
        files: number of files of the lake and of MLflow.
        artifacts_root: where MLflow kept its files.
    """

    format: int
    made_at: str
    decisions: int
    head: str
    tables: dict[str, int]
    rows: dict[str, dict[str, int]]
    files: dict[str, int]
    artifacts_root: str


def backup(target: str, workspace: Workspace, *, report: Report = lambda step: None) -> Manifest:
    """Copy everything into a folder or bucket that holds no backup yet. Ingestion may go on meanwhile.

    Raises:
        ConfigurationError: there is a backup already.
        LedgerCorrupted: the ledger does not hold; nothing is copied over an older, good copy.
        Outage: a store did not answer; without its manifest, what was copied is no backup.
    """
    settings = workspace.settings
    store = open_store(target, settings)
    if store.exists(MANIFEST):
        raise ConfigurationError(f"{store.address(MANIFEST)} is a backup already; name another folder")
    decisions, head = workspace.ledger.verify()
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, url in _databases(settings).items():
            report(f"{name}: its database")
            rows[name] = databases.dump(url, Path(folder, name))
            for path in sorted(Path(folder, name).iterdir()):
                store.upload_if_absent(f"{name}/{path.name}", path)
    # The copy of the ledger may hold more than was verified; never less.
    lake, models = _stores(settings)
    report("models and their files")
    files = {"models": _copy(models, store, "models", models.list())}
    report("the lake")
    # The hint at the newest checkpoint may be newer than what is copied; readers do without it.
    logs = [key for key in lake.list() if _LOG in f"/{key}" and not key.endswith("_last_checkpoint")]
    tables = table_versions(logs)
    others = [key for key in lake.list() if _LOG not in f"/{key}"]
    files["lake"] = _copy(lake, store, "lake", [*others, *logs])
    manifest = Manifest(
        format=FORMAT,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        decisions=decisions,
        head=head,
        tables=tables,
        rows=rows,
        files=files,
        artifacts_root=artifacts_root(settings),
    )
    store.put(MANIFEST, json.dumps(asdict(manifest), indent=2, sort_keys=True).encode())
    return manifest


def restore(source: str, workspace: Workspace, *, report: Report = lambda step: None) -> list[Finding]:
    """Put a backup into an installation in which nothing has happened yet, and check what is there then.

    Raises:
        ConfigurationError: this installation holds decisions, models or tables; or the backup is of another
            format.
        NotFound: there is no backup, or a file of it is missing.
    """
    settings = workspace.settings
    store = open_store(source, settings)
    manifest = read_manifest(store)
    lake, models = _stores(settings)
    _see_that_it_is_empty(workspace, lake, models)
    moved = {manifest.artifacts_root: artifacts_root(settings)}
    with tempfile.TemporaryDirectory() as folder:
        for name, url in _databases(settings).items():
            report(f"{name}: its database")
            for key in store.list(f"{name}/"):
                path = Path(folder, key)
                path.parent.mkdir(parents=True, exist_ok=True)
                store.download(key, path)
            # A ledger is restored as it was recorded, addresses included: they are part of its hashes.
            databases.load(url, Path(folder, name), changed={} if name == "ledger" else moved)
    for name, target in (("models", models), ("lake", lake)):
        report(name)
        copied = _copy_back(store, target, name)
        if copied != manifest.files[name]:
            raise NotFound(
                f"The backup holds {copied} files of the {name}, its manifest names {manifest.files[name]}: "
                "it is not whole; take another one"
            )
    report("checking")
    return findings(workspace, decisions=manifest.decisions, head=manifest.head, tables=manifest.tables)


def read_manifest(store: ObjectStore) -> Manifest:
    """Return what a backup says of itself; without a manifest it was cut short."""
    if not store.exists(MANIFEST):
        raise NotFound(f"{store.url} holds no backup: there is no {MANIFEST}, which is written last")
    content = json.loads(store.get(MANIFEST))
    if content.get("format") != FORMAT:
        raise ConfigurationError(
            f"This backup has format {content.get('format')}, this release reads {FORMAT}: restore it with "
            "the release that made it, then upgrade"
        )
    return Manifest(**content)


def artifacts_root(settings: Settings) -> str:
    """Return where MLflow keeps its files, as its database names it."""
    named = settings.mlflow_artifacts_url
    return named.rstrip("/") if named else (settings.home.resolve() / "mlflow" / "artifacts").as_uri()


def _databases(settings: Settings) -> dict[str, str]:
    """Return the databases to copy, the ledger first; make their tables where there are none yet."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    mlflow = settings.mlflow_database_url.get_secret_value()
    if not mlflow:
        if not settings.mlflow.startswith("sqlite:///") and settings.mlflow_tracking_uri:
            raise ConfigurationError(
                "AIRLOCK_MLFLOW_DATABASE_URL must name the database of the MLflow server: a backup reads it"
            )
        mlflow = f"sqlite:///{settings.home / 'mlflow' / 'mlflow.db'}"
    if mlflow.startswith("sqlite:///"):
        Path(mlflow.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    SqlAlchemyStore(mlflow, artifacts_root(settings))  # type: ignore[no-untyped-call]  # it makes the tables
    Ledger(settings.ledger).verify()
    Deliveries(settings.ledger).done()
    return {"ledger": settings.ledger, "mlflow": mlflow}


def _stores(settings: Settings) -> tuple[ObjectStore, ObjectStore]:
    return open_store(settings.lake, settings), open_store(artifacts_root(settings), settings)


def _see_that_it_is_empty(workspace: Workspace, lake: ObjectStore, models: ObjectStore) -> None:
    decisions, _ = workspace.ledger.verify()
    held = {
        "decisions": decisions,
        "files of the lake": len(lake.list()),
        "files of models": len(models.list()),
    }
    if any(held.values()):
        told = ", ".join(f"{count} {what}" for what, count in held.items() if count)
        raise ConfigurationError(
            f"This installation holds {told}: a backup is restored into an empty one only. Name another "
            "AIRLOCK_HOME, or other databases and buckets"
        )


def _copy(source: ObjectStore, target: ObjectStore, name: str, keys: Iterable[str]) -> int:
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        for key in keys:
            path = Path(folder, "file")
            path.unlink(missing_ok=True)
            try:
                source.download(key, path)
            except NotFound:
                continue  # maintenance removed it meanwhile: no version that is to be read names it
            target.upload_if_absent(f"{name}/{key}", path)
            count += 1
    return count


def _copy_back(store: ObjectStore, target: ObjectStore, name: str) -> int:
    keys = store.list(f"{name}/")
    with tempfile.TemporaryDirectory() as folder:
        for key in keys:
            path = Path(folder, "file")
            store.download(key, path)
            target.upload_if_absent(key.removeprefix(f"{name}/"), path)
            path.unlink()
    return len(keys)
