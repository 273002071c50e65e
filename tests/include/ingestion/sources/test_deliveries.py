"""Every kind of source gives the same rows, dialects are read as declared, and what landed is kept."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from include.errors import ConfigurationError, GateRefused, Outage
from include.hashing import digest, digest_bytes
from include.ingestion.privacy import told_of_masking
from include.ingestion.sources import stage_delivery
from include.settings import Settings
from include.workspace import Workspace
from tests.corpus.desk import DAY, csv_text, frame, json_text, parquet, table, use_case

EXPECTED = table().cast(
    pa.schema(
        [
            (name, pa.timestamp("us", "UTC") if name == "placed" else table().schema.field(name).type)
            for name in table().column_names
        ]
    )
)


@pytest.fixture
def staged(workspace, tmp_path):
    """Stage what landed and return the delivery and its rows."""

    def stage(declared, files, **settings):
        for key, content in files.items():
            path = Path(workspace.settings.landing) / "orders" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        folder = tmp_path / "task"
        folder.mkdir(exist_ok=True)
        place = workspace if not settings else Workspace(workspace.settings.model_copy(update=settings))
        delivery = stage_delivery(declared, DAY, place, folder)
        rows = delivery.tables.get("batch")
        return delivery, None if rows is None else pq.read_table(rows.path)

    return stage


def text(**options):
    return csv_text(frame().assign(note=lambda rows: rows["note"].fillna("")), **options)


KINDS = {
    "parquet": ("parquet", {f"{DAY}.parquet": parquet()}),
    "parts": (
        "parts",
        {f"{DAY}/{n}.parquet": parquet(frame()[40 * n : 40 * (n + 1)]) for n in range(3)}
        | {f"{DAY}/_SUCCESS": b""},
    ),
    "csv": ("csv", {f"{DAY}.csv": csv_text().encode()}),
    "csv.gz": ("csv.gz", {f"{DAY}.csv.gz": gzip.compress(csv_text().encode())}),
    "json": ("json", {f"{DAY}.jsonl": json_text().encode()}),
    "json.gz": ("json.gz", {f"{DAY}.jsonl.gz": gzip.compress(json_text().encode())}),
}


@pytest.mark.parametrize(("kind", "files"), KINDS.values(), ids=KINDS)
def test_every_kind_of_file_gives_the_same_rows_and_is_kept(kind, files, staged, workspace):
    delivery, rows = staged(use_case(kind), files)
    assert delivery.faults == []
    assert rows.equals(EXPECTED)
    data = {name: content for name, content in files.items() if not name.endswith("_SUCCESS")}
    hashes = [digest_bytes(content) for content in data.values()]
    assert [file.sha256 for file in delivery.files] == hashes
    assert [Path(file.raw).read_bytes() for file in delivery.files] == list(data.values())
    assert delivery.hashes == {"batch": hashes[0] if len(hashes) == 1 else digest(hashes)}
    assert all(
        Path(file.raw).name == f"{sha256}{''.join(Path(name).suffixes)}"
        for file, sha256, name in zip(delivery.files, hashes, data, strict=True)
    )


DIALECTS = {
    "semicolons and decimal commas": (
        text(sep=";", decimal=","),
        {"delimiter": ";", "decimal": ","},
    ),
    "tabs": (text(sep="\t"), {"delimiter": "\t"}),
    "single quotes": (text(quotechar="'", quoting=1), {"quote": "'"}),
    "no header": (csv_text(header=False), {"header": False}),
    "Latin-1": (text(), {"encoding": "latin-1"}),
    "UTF-16": (text(), {"encoding": "utf-16"}),
    "a word for nothing": (csv_text(na_rep="NA"), {"null_values": ["NA"]}),
    "other truth values": (
        csv_text().replace("true", "ja").replace("false", "nein"),
        {"true_values": ["ja"], "false_values": ["nein"]},
    ),
    "times of the clock on the wall": (
        csv_text(frame().assign(placed=lambda rows: rows["placed"].dt.strftime("%d.%m.%Y %H:%M:%S"))),
        {"timestamp_format": "%d.%m.%Y %H:%M:%S", "timestamp_timezone": "Europe/Berlin"},
    ),
    "ISO times without an offset": (
        csv_text(frame().assign(placed=lambda rows: rows["placed"].dt.strftime("%Y-%m-%dT%H:%M:%S"))),
        {"timestamp_timezone": "Europe/Berlin"},
    ),
}


@pytest.mark.parametrize(("content", "declared"), DIALECTS.values(), ids=DIALECTS)
def test_a_dialect_is_read_as_it_is_declared(content, declared, staged):
    encoded = content.encode(declared.get("encoding", "utf-8"))
    delivery, rows = staged(use_case("csv", source=declared), {f"{DAY}.csv": encoded})
    assert delivery.faults == []
    assert rows.equals(EXPECTED)


def test_columns_that_the_contract_drops_are_not_staged(staged):
    wide = parquet(table().append_column("extra", table()["amount"]))
    delivery, rows = staged(use_case(contract={"extra_columns": "drop"}), {f"{DAY}.parquet": wide})
    assert delivery.faults == []
    assert rows.equals(EXPECTED)


def test_text_times_of_parquet_stay_as_they_are_written(staged):
    written = frame().assign(placed=lambda rows: [time.isoformat() for time in rows["placed"]])
    _, rows = staged(use_case(), {f"{DAY}.parquet": parquet(written)})
    assert rows["placed"].to_pylist() == written["placed"].tolist()


def personal(**columns):
    declared = use_case().contract.model_dump()["columns"]
    declared |= {
        name: declared[name] | {"min": None, "max": None, "categories": None, "pii": pii}
        for name, pii in columns.items()
    }
    return use_case(contract={"columns": declared})


def test_personal_data_are_changed_before_anything_is_written(staged, workspace, tmp_path):
    declared = personal(
        country={"method": "hash"},
        note={"method": "mask", "show_last": 4},
        express={"method": "drop"},
    )
    delivery, rows = staged(declared, {f"{DAY}.parquet": parquet()}, privacy_key=SecretStr("s" * 40))
    assert delivery.faults == []
    assert "express" not in rows.column_names
    assert set(rows["note"].to_pylist()) == {None, "***door"}
    hashed = set(zip(frame()["country"], rows["country"].to_pylist(), strict=True))
    assert len(hashed) == 3
    assert all(len(code) == 32 for _, code in hashed)
    assert delivery.masked == {
        "batch.country": "hash under key 3fd875c6",
        "batch.note": "mask",
        "batch.express": "drop",
    }
    other = told_of_masking(declared.contract, SecretStr("t" * 40))
    assert other["country"] != delivery.masked["batch.country"]
    # The file's own hash is recorded; the only copy of it is the masked one.
    (file,) = delivery.files
    assert file.sha256 == digest_bytes(parquet())
    assert pq.read_table(file.raw).equals(rows)
    kept = [path.read_bytes() for path in Path(workspace.settings.lake).rglob("*") if path.is_file()]
    assert kept
    assert not any(b"leave at the door" in content for content in kept)


def test_a_broken_file_of_personal_data_is_not_kept(staged, workspace):
    delivery, rows = staged(personal(note={"method": "drop"}), {f"{DAY}.parquet": parquet()[:-4]})
    assert rows is None
    assert [file.raw for file in delivery.files] == [""]
    assert not list(Path(workspace.settings.lake).rglob("*.parquet"))


def test_a_file_with_undeclared_personal_data_that_is_refused_is_not_kept(staged, workspace):
    noted = frame().assign(note=[f"ann{number}@example.org" for number in range(len(frame()))])
    declared = use_case(privacy={"undeclared": "refuse"})
    delivery, rows = staged(declared, {f"{DAY}.parquet": parquet(noted)})
    assert rows is None
    assert [fault.rule for fault in delivery.faults] == ["note.personal"]
    assert "example" not in delivery.faults[0].detail
    assert delivery.files[0].raw == ""
    assert not list(Path(workspace.settings.lake).rglob("*.parquet"))


def test_a_hash_without_its_key_is_refused(staged):
    with pytest.raises(ConfigurationError, match="AIRLOCK_PRIVACY_KEY has 0 bytes"):
        staged(personal(note={"method": "hash"}), {f"{DAY}.parquet": parquet()})


@pytest.mark.servers
def test_files_on_s3_are_read_and_kept_like_those_of_a_folder(s3_bucket, tmp_path):
    from include.ingestion.sources.waiting import look

    settings = Settings(
        _env_file=None, home=tmp_path / "home", landing_url=f"{s3_bucket}/in", lake_url=f"{s3_bucket}/lake"
    )
    workspace = Workspace(settings)
    parts = {f"orders/{DAY}/part-{n}.parquet": parquet(frame()[60 * n : 60 * (n + 1)]) for n in range(2)}
    for key, content in parts.items():
        workspace.landing.put(key, content)
    declared = use_case("parts")
    assert "_SUCCESS is missing" in look(declared, DAY, workspace).missing[0]
    workspace.landing.put(f"orders/{DAY}/_SUCCESS", b"")
    assert look(declared, DAY, workspace).settled_since(None)
    delivery = stage_delivery(declared, DAY, workspace, tmp_path)
    assert pq.read_table(delivery.tables["batch"].path).equals(EXPECTED)
    assert {workspace.raw.get(key) for key in workspace.raw.list()} == set(parts.values())


@pytest.mark.servers
def test_rows_come_from_a_real_postgresql(postgres_url, workspace, tmp_path):
    import sqlalchemy as sa

    from include.ingestion.stage import ingest

    engine = sa.create_engine(postgres_url)
    frame().assign(day=DAY).to_sql("orders", engine, index=False, chunksize=1000)
    query = 'SELECT * FROM orders WHERE day = :partition ORDER BY "order"'
    declared = use_case("sql", source={"query": query}, contract={"extra_columns": "drop"})
    workspace.connections = lambda name: {"shop": postgres_url}[name]
    delivery = stage_delivery(declared, DAY, workspace, tmp_path)
    assert delivery.faults == []
    assert pq.read_table(delivery.tables["batch"].path).equals(EXPECTED)
    decision, ref = ingest(declared, DAY, actor="tests", workspace=workspace)
    assert decision.verdict.value == "pass"
    assert ingest(declared, DAY, actor="tests", workspace=workspace) == (decision, ref)
    assert decision.evidence["files"][0]["source"] == "connection 'shop'"
    assert pq.read_table(decision.evidence["files"][0]["raw"]).equals(EXPECTED)

    renamed = use_case("sql", source={"query": query.replace("*", "amount AS total")})
    with pytest.raises(GateRefused, match=r"order.present: column 'order' is missing"):
        ingest(renamed, DAY, actor="tests", workspace=workspace)
    gone = use_case("sql", source={"query": query.replace("FROM orders", "FROM gone")})
    with pytest.raises(GateRefused, match=r'query: .* refused source.query: relation "gone" does not exist'):
        ingest(gone, DAY, actor="tests", workspace=workspace)
    writing = use_case("sql", source={"query": "DELETE FROM orders WHERE day = :partition RETURNING *"})
    with pytest.raises(GateRefused, match=r"refused source.query: .*DELETE"):
        ingest(writing, DAY, actor="tests", workspace=workspace)
    secret = sa.engine.make_url(postgres_url).set(port=1, password="hunter2")
    workspace.connections = lambda name: secret.render_as_string(hide_password=False)
    with pytest.raises(Outage, match="Is it running") as caught:
        ingest(declared, DAY, actor="tests", workspace=workspace)
    assert "hunter2" not in str(caught.value)
    engine.dispose()


def test_a_database_is_read_in_parts_that_have_one_type_each(workspace, tmp_path, monkeypatch):
    import sqlalchemy as sa

    monkeypatch.setattr("include.ingestion.sources.sql_query._ROWS", 7)
    engine = sa.create_engine(f"sqlite:///{tmp_path}/shop.db")
    texts = [time.isoformat() for time in frame()["placed"]]
    frame().assign(day=DAY, placed=texts).to_sql("orders", engine, index=False)
    engine.dispose()
    workspace.connections = lambda name: str(engine.url)
    query = "SELECT * FROM orders WHERE day = :partition ORDER BY 1"
    declared = use_case("sql", source={"query": query}, contract={"extra_columns": "drop"})
    delivery = stage_delivery(declared, DAY, workspace, tmp_path)
    assert pq.read_table(delivery.tables["batch"].path).equals(EXPECTED)


def test_without_airflow_no_connection_is_known(workspace, tmp_path):
    with pytest.raises(ConfigurationError, match="Connection 'shop' is known to Airflow only"):
        stage_delivery(use_case("sql"), DAY, workspace, tmp_path)
