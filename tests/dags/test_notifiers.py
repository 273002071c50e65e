"""The notifier of a task: what its gates decided reaches the log once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from include.settings import PROJECT_ROOT

SCRIPT = """
import logging, sys
from types import SimpleNamespace as Made
logging.basicConfig(stream=sys.stdout, format="%(name)s %(levelname)s %(message)s", force=True)
from airlock.notifiers import AlertNotifier, alerting
from include.decisions import Decision
from include.workspace import Workspace

run = Made(partition_key="2013-02-08", run_type="scheduled", triggering_user_name=None)
notifier = AlertNotifier(use_case="flights", gates=("ingestion",))
print("nothing decided yet")
notifier({"dag_run": run})
Workspace().ledger.append(Decision(
    use_case="flights", gate="ingestion", partition="2013-02-08", as_of="2013-02-09", verdict="refuse",
    reasons=["half of the flights are cancelled"], evidence={}, rule="a rule", error_rate=0.01,
    policy_hash="p", data_refs=[], code_version="c", actor="tests",
))
for attempt in ("first", "second"):
    print(attempt)
    notifier({"dag_run": run})
assert set(alerting("flights", "drift")) == {"on_success_callback", "on_failure_callback"}
print("through")
"""


def test_a_refusal_is_told_once_however_often_the_task_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{PROJECT_ROOT}:{PROJECT_ROOT / 'plugins'}",
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRLOCK_HOME": str(tmp_path / "home"),
        },
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = done.stdout
    alert = "[critical] flights 2013-02-08: a batch was refused"
    assert told.count(alert) == 1
    assert told.index("first") < told.index(alert) < told.index("second")
    assert told.splitlines()[-1] == "through"
