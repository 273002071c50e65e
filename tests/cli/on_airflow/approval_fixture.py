"""DAGs whose trainings have passed their evaluation already and wait for a person: what lies behind them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from include.settings import PROJECT_ROOT, Settings
from include.workspace import Workspace

# Use case, and whether four eyes are asked for.
ASKING = {"careful": True, "alone": False, "hasty": True}

DAGS = '''
"""A training that has passed its evaluation already, and waits for a person."""
import json
from datetime import datetime, timezone
from pathlib import Path

from airflow.sdk import DAG, BaseOperator

from airlock.declaration import RETRY_POLICY
from airlock.operators.promotion import ApproveCandidateOperator


class Evaluated(BaseOperator):
    def execute(self, context):
        return json.loads(Path("{candidate}").read_text())


class Promote(BaseOperator):
    def execute(self, context):
        return context["ti"].xcom_pull(task_ids="approve")


for name, hours in (("careful", 1), ("alone", 1), ("hasty", 0.002)):
    with DAG(
        f"asking.{{name}}", schedule=None, start_date=datetime(2013, 1, 1, tzinfo=timezone.utc),
        is_paused_upon_creation=False,
        default_args={{"retry_policy": RETRY_POLICY, "retries": 2}},
    ):
        approve = ApproveCandidateOperator(
            task_id="approve",
            use_case=name,
            evaluated_by="evaluate",
            approvers=["{user}"],
            timeout_hours=hours,
        )
        Evaluated(task_id="evaluate") >> approve >> Promote(task_id="promote")
'''


def write_trainings(dags_folder: Path, settings: Settings) -> None:
    """Declare the use cases, register a version of each, and write the DAGs that ask about it."""
    for name, four_eyes in ASKING.items():
        _declare(settings.use_cases_dir / name, name, settings.airflow_user, four_eyes)
    candidate = dags_folder / "candidate.json"
    candidate.write_text(json.dumps(_registered(Workspace(settings), list(ASKING))), encoding="utf-8")
    source = DAGS.format(candidate=candidate, user=settings.airflow_user)
    (dags_folder / "trainings.py").write_text(source, encoding="utf-8")


def _declare(folder: Path, name: str, approver: str, four_eyes: bool) -> None:
    source = PROJECT_ROOT / "include" / "use_cases" / "flights"
    folder.mkdir(parents=True)
    text = (source / "use_case.yaml").read_text(encoding="utf-8").replace("name: flights", f"name: {name}", 1)
    asking = f"promotion: {{approval: {{approvers: [{approver}], four_eyes: {str(four_eyes).lower()}}}}}\n"
    (folder / "use_case.yaml").write_text(f"{text}\n{asking}", encoding="utf-8")
    shutil.copy(source / "features.py", folder / "features.py")


def _registered(workspace: Workspace, names: list[str]) -> dict[str, str]:
    """Register an empty version for each use case, for their cards; they share one run."""
    registry = workspace.registry
    with registry.recorded_run(names[0], name="stand-in", tags={}) as run_id:
        pass
    for name in names:
        registry.client.create_registered_model(name)
        version = registry.client.create_model_version(name, f"runs:/{run_id}/model", run_id)
    return {
        "version": str(version.version),
        "run_id": run_id,
        "as_of": "2013-02-11",
        "decision_id": "evaluation",
    }
