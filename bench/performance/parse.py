"""CPU of one pass of the DAG processor over all files, and of a task start, with 1, 30 and 300 use cases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.table import Row, publish
from include.settings import PROJECT_ROOT

SCRIPT = """
import json, pathlib, sys, time
from airflow.dag_processing.dagbag import BundleDagBag
import airlock.declaration, airlock.operators.ingestion, airlock.operators.features, airlock.operators.scoring
import airlock.operators.training, airlock.operators.evaluation, airlock.operators.promotion
import airlock.operators.monitoring, airlock.operators.maintenance
folder, dag_id = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
start = time.process_time()
path = pathlib.Path(folder).parent
bag = BundleDagBag(
    dag_folder=folder, bundle_path=path, bundle_name="bench", safe_mode=False, load_op_links=False
)
parsed = time.process_time() - start
start = time.process_time()
if dag_id is None:
    from airflow.serialization.serialized_objects import DagSerialization
    for dag in bag.dags.values():
        DagSerialization.to_dict(dag)
serialized = time.process_time() - start
print(json.dumps({"parse": parsed, "serialize": serialized, "errors": len(bag.import_errors)}))
"""


def _use_cases(folder: Path, count: int) -> None:
    source = PROJECT_ROOT / "include" / "use_cases" / "flights"
    text = (source / "use_case.yaml").read_text(encoding="utf-8")
    for number in range(count):
        name = f"flights_{number:03d}"
        (folder / name).mkdir()
        (folder / name / "use_case.yaml").write_text(
            text.replace("name: flights", f"name: {name}", 1), "utf-8"
        )


def _measure(folder: Path, home: Path, target: Path, dag_id: str | None) -> dict[str, float]:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRLOCK_USE_CASES_DIR": str(folder),
        "PYTHONPATH": f"{PROJECT_ROOT}:{PROJECT_ROOT / 'plugins'}",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if dag_id is not None:
        environment |= {
            "_AIRFLOW_PARSING_CONTEXT_DAG_ID": dag_id,
            "_AIRFLOW_PARSING_CONTEXT_TASK_ID": "ingest",
        }
    arguments = [sys.executable, "-c", SCRIPT, str(target), *([dag_id] if dag_id else [])]
    done = subprocess.run(arguments, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the DAG folder failed to parse: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if found["errors"]:
        raise RuntimeError(f"{found['errors']} files failed to parse; run make unit")
    return found


def main() -> None:
    """Measure and publish."""
    rows: list[Row] = []
    for count in (1, 30, 300):
        with tempfile.TemporaryDirectory() as temporary:
            folder, home = Path(temporary, "use_cases"), Path(temporary, "airflow")
            folder.mkdir()
            _use_cases(folder, count)
            dags = PROJECT_ROOT / "dags"
            _measure(folder, home, dags, None)  # writes the bytecode
            whole = _measure(folder, home, dags, None)
            start = _measure(folder, home, dags / "ingest.py", "flights_000.ingest")
            goal = 10.0 if count == 300 else None
            rows += [
                Row(f"{count} use cases: parse all files", whole["parse"], "s CPU", goal),
                Row(f"{count} use cases: serialise all DAGs for the database", whole["serialize"], "s CPU"),
                Row(
                    f"{count} use cases: parse at a task start",
                    start["parse"],
                    "s CPU",
                    0.05 if count == 300 else None,
                ),
            ]
    publish("parse", rows)


if __name__ == "__main__":
    main()
