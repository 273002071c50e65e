"""The whole ingestion gate beside Great Expectations on pandas for the same expectations alone.

The gate evaluates 30 rules, sets rows aside, splits, profiles and ranks the drift. The reference is given the
same Parquet file and the same suite, reads the file into a frame and validates it with the result format
SUMMARY. Every figure comes from a process of its own, so that peaks of memory are those of one run. The rows
are the flights of 2013, repeated with other flight numbers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.table import Row, publish
from include.settings import PROJECT_ROOT

SIZES = {"small day": 900, "0.1 million": 100_000, "1 million": 1_000_000, "10 million": 10_000_000}
LARGE = {"50 million": 50_000_000}
# Of the pandas engine at 10 million rows alone: it needs more memory than the rest of the machine may have.
_REFERENCE = ("small day", "1 million", "10 million")
_PLAIN = ("year", "month", "day", "sched_arr_time", "flight", "distance", "hour")
_SHARE = {"1 million": 0.5, "10 million": 0.25}
_MEGABYTES = {"10 million": 2000.0, "50 million": 4096.0}


def _write(path: Path, rows: int) -> None:
    """Write so many flights, with one row in ten thousand whose airport is none."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from cli.landing import read_reference

    table = read_reference("flights").combine_chunks()
    place = table.schema.get_field_index("flight")
    origin = table.schema.get_field_index("origin")
    writer = None
    for number in range(-(-rows // table.num_rows)):
        part = table.slice(0, min(rows - number * table.num_rows, table.num_rows))
        part = part.set_column(place, "flight", pc.add(part["flight"], number * 10_000))
        wrong = pa.array(np.arange(part.num_rows) % 10_000 == 9_999)
        part = part.set_column(origin, "origin", pc.if_else(wrong, "XXX", part["origin"]))
        writer = writer or pq.ParquetWriter(path, part.schema, compression="lz4")
        writer.write_table(part, row_group_size=131_072)
    if writer is not None:
        writer.close()


def _contract() -> Any:
    """Return 30 rules about flights; a whole year passes for one day here."""
    from include.use_case_sections import Contract

    numbers = {
        "dep_time": (0, 2400, 0.3),
        "sched_dep_time": (0, 2400, 0.0),
        "dep_delay": (-120, 3000, 0.3),
        "arr_time": (0, 2400, 0.3),
        "arr_delay": (-180, 3000, 0.3),
        "air_time": (5, 1000, 0.3),
    }
    columns: dict[str, Any] = {
        name: {"type": "number" if nulls else "integer", "min": low, "max": high, "max_null_share": nulls}
        for name, (low, high, nulls) in numbers.items()
    }
    columns |= {name: {"type": "integer"} for name in _PLAIN}
    columns |= {"minute": {"type": "integer"}, "dest": {"type": "string"}, "time_hour": {"type": "timestamp"}}
    columns["tailnum"] = {"type": "string", "max_null_share": 0.2}
    columns["carrier"] = {"type": "string", "pattern": "[A-Z0-9]{2}"}
    airports = ["EWR", "JFK", "LGA"]
    columns["origin"] = {"type": "string", "categories": airports, "severity": "quarantine"}
    return Contract.model_validate(
        {
            "columns": columns,
            "unique": ["year", "month", "day", "carrier", "flight", "origin", "sched_dep_time"],
            "max_duplicate_share": 0.001,
            "rows": [{"kind": "compare", "left": "hour", "op": "<=", "right": "sched_dep_time"}],
        }
    )


def _gate(path: Path, folder: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    from include.ingestion.drifting import drift_of
    from include.ingestion.profiling import profile
    from include.ingestion.quarantine import split
    from include.ingestion.rules import RuleContext, evaluate
    from include.ingestion.staged import StagedTable

    contract = _contract()
    staged = StagedTable("flights", path, pq.read_metadata(path).num_rows)
    context = RuleContext(None, "2013-12-31", folder, {"flights": staged})  # type: ignore[arg-type]
    results, broken = evaluate(staged, contract, context)
    parted = split(staged, broken, [], folder)
    found = profile(parted.accepted, contract, folder)
    drift = drift_of(found, _history(found), "2013-12-31", contract.drift)
    return {
        "rules": len(results),
        "violations": sum(result.violations for result in results),
        "set_aside": broken.rows,
        "ranked": drift is not None and drift.p_value is not None,
    }


def _history(found: Any) -> Any:
    """Return 92 days before, like this one."""
    import pandas as pd

    from include import partitions

    days = partitions.span("2013-09-30", "2013-12-30")
    return pd.concat([found.assign(partition=day) for day in days], ignore_index=True)


def _reference(path: Path, folder: Path) -> dict[str, Any]:
    import pandas as pd

    from include.ingestion.rules.gx_engine import validate_frame
    from include.ingestion.rules.results import rule_results
    from include.ingestion.suite import compile_suite

    suite = compile_suite("flights", _contract(), None).suite
    frame = pd.read_parquet(path)
    results = rule_results("flights", validate_frame(suite, frame), len(frame))
    return {"rules": len(results), "violations": sum(result.violations for result in results)}


def _warm() -> None:
    import deltalake  # noqa: F401 -- what a warm worker has imported
    import duckdb
    import great_expectations.expectations
    import pandas as pd

    from include.ingestion import stage
    from include.ingestion.rules.gx_engine import validate_frame
    from include.ingestion.suite import compile_suite

    _ = stage, great_expectations
    duckdb.connect().close()
    validate_frame(
        compile_suite("flights", _contract(), None).suite, pd.DataFrame({"year": [2013], "month": [1]})
    )


def measure(what: str, path: Path) -> dict[str, Any]:
    """Do one of the two in this process, warm, and return its figures."""
    import resource
    import time

    _warm()
    work = {"gate": _gate, "reference": _reference}[what]
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        found = work(path, Path(folder))
        found |= {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return found | {"megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _measured(what: str, path: Path) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": f"{PROJECT_ROOT}:{PROJECT_ROOT / 'plugins'}"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    arguments = [sys.executable, "-W", "ignore", "-m", "bench.performance.ingestion", what, str(path)]
    done = subprocess.run(arguments, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{what} of {path.name} failed ({done.returncode}): {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _rows_of(name: str, size: int, gate: dict[str, Any], reference: dict[str, Any] | None) -> list[Row]:
    small = size < 10_000
    rows = [
        Row(f"{name}: gate", gate["seconds"], "s"),
        Row(f"{name}: gate, CPU", gate["cpu"], "s CPU", 0.15 if small else None),
        Row(f"{name}: gate, time per row", gate["seconds"] / size * 1e6, "µs"),
        Row(f"{name}: gate, peak memory", gate["megabytes"], "MB", _MEGABYTES.get(name)),
    ]
    if reference is not None:
        if gate["violations"] - gate["set_aside"] > reference["violations"]:
            raise RuntimeError(f"{name}: the two count differently: {gate} and {reference}")
        rows += [
            Row(f"{name}: Great Expectations on pandas", reference["seconds"], "s"),
            Row(f"{name}: Great Expectations on pandas, CPU", reference["cpu"], "s CPU"),
            Row(f"{name}: Great Expectations on pandas, peak memory", reference["megabytes"], "MB"),
            Row(
                f"{name}: gate / Great Expectations",
                gate["seconds"] / reference["seconds"],
                "",
                _SHARE.get(name),
            ),
        ]
    return rows


def main() -> None:
    """Measure and publish; with AIRLOCK_BENCH_LARGE=1, 50 million rows as well."""
    sizes = SIZES | (LARGE if os.environ.get("AIRLOCK_BENCH_LARGE") == "1" else {})
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        for name, size in sizes.items():
            path = Path(temporary, f"{size}.parquet")
            _write(path, size)
            reference = _measured("reference", path) if name in _REFERENCE else None
            rows += _rows_of(name, size, _measured("gate", path), reference)
            path.unlink()
    publish("ingestion", rows)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
    else:
        main()
