"""Bad input, with real flights: each is refused with file, rule and figure, kept, and moves nothing."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.decisions import Verdict
from include.errors import GateRefused
from include.hashing import digest_bytes
from include.ingestion.evidence import IngestionEvidence
from include.ingestion.gate import check
from tests.include.ingestion.conftest import DAY, EARLIER, changed, reshaped


def cast(name, kind):
    def change(table):
        place = table.schema.get_field_index(name)
        return table.set_column(place, name, table.column(name).cast(kind))

    return reshaped(change)


def twice(table):
    return pa.concat_tables([table, table.slice(0, 3)])


def as_csv(content):
    return pq.read_table(io.BytesIO(content)).to_pandas().to_csv(index=False).encode()


def zipped(content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("2013-01-11.parquet", content)
    return buffer.getvalue()


def cut(share):
    return lambda content: content[: int(len(content) * share)]


def without(name):
    return reshaped(lambda table: table.drop_columns([name]))


# What lands, and what the refusal must say: the rule and the figure.
BAD = {
    "missing": (lambda _: None, "batch: file: .*/flights/2013-01-11.parquet is missing"),
    "empty": (lambda _: b"", r"batch: file: .*/flights/2013-01-11.parquet is empty \(0 bytes\)"),
    "one byte": (lambda content: content[:1], r"batch: file: not readable as Parquet \(1 bytes\)"),
    "cut after a tenth": (cut(0.1), r"batch: file: not readable as Parquet \(\d+ bytes\)"),
    "cut in half": (cut(0.5), r"batch: file: not readable as Parquet \(\d+ bytes\)"),
    "cut in the footer": (cut(0.98), r"batch: file: not readable as Parquet \(\d+ bytes\)"),
    "last byte missing": (
        lambda content: content[:-1],
        r"batch: file: not readable as Parquet \(\d+ bytes\)",
    ),
    "CSV": (as_csv, r"batch: file: not readable as Parquet \(\d+ bytes\)"),
    "text": (lambda _: b"HTTP 502 Bad Gateway", r"batch: file: not readable as Parquet \(20 bytes\)"),
    "garbage": (lambda _: bytes(range(256)) * 40, r"batch: file: not readable as Parquet \(10240 bytes\)"),
    "garbage named Parquet": (
        lambda c: c[:4] + bytes(500) + c[-4:],
        r"batch: file: not readable as Parquet \(508 b",
    ),
    "zip": (zipped, r"batch: file: not readable as Parquet \(\d+ bytes\)"),
    "no rows": (
        reshaped(lambda table: table.slice(0, 0)),
        "batch: row_count: .*found 0, allowed 300 to 2000",
    ),
    "missing column": (without("carrier"), "batch: carrier.present: column 'carrier' is missing"),
    "missing outcome": (without("arr_delay"), "batch: arr_delay.present: column 'arr_delay' is missing"),
    "renamed column": (
        reshaped(lambda table: table.rename_columns({"dest": "destination"})),
        "batch: dest.present: .* missing; .*extra_columns: column 'destination' is not in the contract",
    ),
    "extra column": (
        reshaped(lambda table: table.append_column("gate", pa.nulls(len(table), pa.string()))),
        "batch: extra_columns: column 'gate' is not in the contract",
    ),
    "column twice": (
        reshaped(lambda table: table.append_column("origin", table.column("origin"))),
        "batch: origin.once: column 'origin' stands twice",
    ),
    "integers as text": (
        cast("flight", pa.string()),
        "batch: flight.type: .* type string, the contract says integer",
    ),
    "integers as numbers": (
        cast("hour", pa.float64()),
        "batch: hour.type: .* type double, the contract says integer",
    ),
    "numbers as text": (
        cast("arr_delay", pa.string()),
        "batch: arr_delay.type: .* type string, .* says number",
    ),
    "text as numbers": (changed("dest", 1), "batch: dest.type: .* type int64, the contract says string"),
    "time as number": (changed("time_hour", 1), "batch: time_hour.type: .* type int64, .* says timestamp"),
    "time as text without zone": (
        changed("time_hour", "2013-01-11 06:00", rows=slice(0, 2)),
        r"batch: time_hour.type: 2 values of .* not an ISO 8601 time .*; row 1: '2013-01-11 06:00'",
    ),
    "nulls in a key": (
        changed("carrier", None, rows=slice(0, 1)),
        r"batch: carrier.null_share: 1 of \d+ \(0.1%\)",
    ),
    "nulls above the limit": (
        changed("arr_delay", np.nan, rows=slice(0, 400)),
        r"batch: arr_delay.null_share: \d+ of \d+ \(4\d.\d%\) against 30.0%",
    ),
    "only nulls": (changed("origin", None), r"batch: origin.null_share: (\d+) of \1 \(100.0%\) against 0.0%"),
    "duplicates": (reshaped(twice), "batch: unique: broken by 6"),
    "yesterday under today's name": (
        lambda _: "2013-01-10",
        r"batch: event_date: (\d+) of \1 \(100.0%\) against 0.0%; this looks like the file of 2013-01-10",
    ),
    "one row of yesterday": (
        changed("time_hour", "2013-01-10T23:00:00-05:00", rows=slice(5, 6)),
        r"batch: event_date: 1 of \d+ \(0.1%\) against 0.0%; for example 2013-01-10",
    ),
    "wrong category": (
        changed("origin", "LAX", rows=slice(0, 2)),
        r"batch: origin.categories: 2 of \d+ \(0.2%\) against 0.0%; for example LAX, LAX",
    ),
    "out of range": (changed("hour", 25, rows=slice(0, 1)), "batch: hour.range: 1 of .*; for example 25"),
    "infinite": (
        changed("air_time", np.inf, rows=slice(0, 1)),
        "batch: air_time.range: 1 of .*; for example inf",
    ),
    "too few rows": (
        reshaped(lambda table: table.slice(0, 299)),
        "row_count: .*found 299, allowed 300 to 2000",
    ),
    "too many rows": (
        reshaped(lambda table: pa.concat_tables([table] * 3)),
        r"batch: row_count: broken by 1; found \d+, allowed 300 to 2000",
    ),
}
BAD_WEATHER = {
    "missing": (lambda _: None, "weather: file: .*/weather/2013-01-11.parquet is missing"),
    "empty": (lambda _: b"", r"weather: file: .*/weather/2013-01-11.parquet is empty \(0 bytes\)"),
    "cut in half": (cut(0.5), r"weather: file: not readable as Parquet \(\d+ bytes\)"),
    "missing column": (without("visib"), "weather: visib.present: column 'visib' is missing"),
    "retyped": (cast("wind_speed", pa.string()), "weather: wind_speed.type: .* type string, .* says number"),
    "duplicates": (reshaped(twice), "weather: unique: broken by 6"),
    "wrong category": (changed("origin", "LAX"), r"weather: origin.categories: (\d+) of \1 \(100.0%\)"),
}
CASES = [("flights", *case) for case in BAD.values()] + [("weather", *case) for case in BAD_WEATHER.values()]
IDS = [*(f"batch: {name}" for name in BAD), *(f"weather: {name}" for name in BAD_WEATHER)]


@pytest.mark.parametrize(("table", "change", "reason"), CASES, ids=IDS)
def test_bad_input_is_refused_kept_and_moves_nothing(home, table, change, reason):
    file = home.file(table=table)
    bad = change(file.read_bytes())
    if isinstance(bad, str):
        bad = home.file(bad, table).read_bytes()
    file.unlink()
    if bad is not None:
        file.write_bytes(bad)
    before, count = home.tables(), home.ledger.verify()[0]

    with pytest.raises(GateRefused, match=reason) as caught:
        home.ingest()

    assert home.tables() == before
    assert home.lake.partitions("flights", "batches") == EARLIER
    decision = home.ledger.get(caught.value.decision_id)
    assert home.ledger.verify()[0] == count + 1
    assert (decision.gate, decision.partition, decision.as_of) == ("ingestion", DAY, "2013-01-12")
    assert decision.verdict is Verdict.REFUSE
    assert decision.reasons == caught.value.reasons
    assert str(file) in " ".join(decision.reasons)
    of_table = "batch" if table == "flights" else table
    named = next(one for one in decision.evidence["files"] if one["table"] == of_table)
    assert named["source"] == str(file)
    if bad is None:
        assert (named["raw"], named["size"]) == ("", 0)
    else:
        assert Path(named["raw"]).read_bytes() == bad == file.read_bytes()
        assert named["raw"] in decision.data_refs
        assert (named["size"], named["sha256"]) == (len(bad), digest_bytes(bad))
    # The evidence is enough to apply the rule again.
    evidence = IngestionEvidence.model_validate(decision.evidence)
    assert check(evidence, home.use_case.contract).verdict is Verdict.REFUSE
