"""What can be known of the Kubernetes files without a cluster."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

from airlock import declaration
from cli import components, pod_templates
from cli.environment import airflow_environment
from cli.main import main
from include.settings import PROJECT_ROOT, Settings
from include.use_case import UseCase
from tests.chart import SCHEMA_VERSION, Manifest, faults_of

DEPLOY = PROJECT_ROOT / "deploy"
STAGES = sorted(
    path.stem
    for path in (PROJECT_ROOT / "dags").glob("*.py")
    if path.stem not in {"declarations", "maintenance"}
)
CELERY = yaml.safe_load((DEPLOY / "helm" / "values-celery.yaml").read_text())
KUBERNETES = yaml.safe_load((DEPLOY / "helm" / "values-kubernetes.yaml").read_text())
PARTS = {
    "apiServer": "whole-api-server",
    "scheduler": "scheduler",
    "dagProcessor": "dag-processor",
    "triggerer": "triggerer",
    "workers": "worker",
    "migrateDatabaseJob": "prepare",
}


@pytest.mark.parametrize("stage", pod_templates.NEEDS)
def test_a_pod_template_follows_the_published_schema_and_is_current(stage: str) -> None:
    text = (DEPLOY / "kubernetes" / "pods" / f"{stage}.yaml").read_text()
    assert text == pod_templates.text(stage), "run: make pods"
    kubernetes_validate.validate(yaml.safe_load(text), SCHEMA_VERSION, strict=True)
    spec = yaml.safe_load(text)["spec"]
    (container,) = spec["containers"]
    assert container["name"] == "base", "the executor looks for this name"
    assert container["resources"]["limits"]["memory"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert not spec["automountServiceAccountToken"]


def test_the_schema_finds_a_misspelled_field() -> None:
    broken = pod_templates.pod("train") | {"spec": {"container": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, SCHEMA_VERSION, strict=True)


def test_every_stage_has_a_template_and_training_is_not_scoring(flights: UseCase, monkeypatch) -> None:
    assert set(pod_templates.NEEDS) == {*STAGES, "default"}
    assert pod_templates.NEEDS["train"].most_memory_mb > pod_templates.NEEDS["score"].most_memory_mb
    placed = Settings(_env_file=None, pod_templates_dir="/pods/", training_queue="big")
    monkeypatch.setattr(declaration, "get_settings", lambda: placed)
    for stage in STAGES:
        arguments = declaration.common(flights, stage, None)["default_args"]
        assert arguments["executor_config"] == {"pod_template_file": f"/pods/{stage}.yaml"}
        assert arguments.get("queue") == ("big" if stage == "train" else None)


def test_airflow_is_told_where_the_templates_are(tmp_path) -> None:
    settings = Settings(_env_file=None, home=tmp_path, pod_templates_dir="/pods")
    environment = airflow_environment(settings, api_port=1, execution_port=2)
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "KubernetesExecutor"
    assert environment["AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE"] == "/pods/default.yaml"


def mounted(part: dict[str, Any]) -> dict[str, str]:
    (volume,) = part["extraVolumes"]
    return {item["path"]: item["key"] for item in volume["secret"]["items"]}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_the_chart_is_ours_with_its_own_secrets(name: str) -> None:
    part = CELERY[name]
    assert part["command"] == ["./airlock"]
    assert part["args"] == ["component", PARTS[name]]
    assert components.command_of(PARTS[name], Settings(_env_file=None))
    assert mounted(part) == components.secret_files(PARTS[name])
    if name in {"scheduler", "dagProcessor", "triggerer", "workers"}:
        assert part["livenessProbe"]["command"] == ["./airlock", "component", PARTS[name], "--healthy"]
    if name != "migrateDatabaseJob":
        assert {"cpu", "memory"} <= set(part["resources"]["limits"])


@pytest.mark.parametrize("name", ["apiServer", "scheduler", "dagProcessor", "triggerer", "workers"])
def test_what_the_chart_adds_for_another_image_is_off(name: str) -> None:
    part = CELERY[name]
    assert not part["waitForMigrations"]["enabled"]
    assert name == "apiServer" or not part["logGroomerSidecar"]["enabled"]


def rendered() -> list[Manifest]:
    """What Helm makes of the API server and a scheduler, as short as it can be."""
    labels = {"tier": "airflow", "component": "api-server", "release": "airflow"}
    items = [{"key": one, "path": one} for one in components.secret_files("scheduler")]
    healthy = ["./airlock", "component", "scheduler", "--healthy"]
    scheduler = {
        "name": "scheduler",
        "image": pod_templates.IMAGE,
        "command": ["./airlock"],
        "args": ["component", "scheduler"],
        "startupProbe": {"exec": {"command": healthy}},
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "airflow-api-server"},
            "spec": {"selector": labels, "ports": [{"port": 8080}]},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "airflow-api-server-policy"},
            "spec": {
                "podSelector": {"matchLabels": labels},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": CELERY["apiServer"]["networkPolicy"]["ingress"]["from"]}],
            },
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "airflow-worker"},
            "spec": {
                "selector": {"matchLabels": {"component": "scheduler"}},
                "template": {
                    "metadata": {"labels": {"component": "scheduler"}},
                    "spec": {
                        "initContainers": None,
                        "containers": [scheduler],
                        "volumes": [{"name": "secrets", "secret": {"secretName": "airlock", "items": items}}],
                    },
                },
            },
        },
    ]


def _lock_the_door(objects: list[Manifest]) -> None:
    del objects[1]["spec"]["ingress"]


def _let_only_others_in(objects: list[Manifest]) -> None:
    objects[1]["spec"]["ingress"] = [{"from": [{"podSelector": {"matchLabels": {"release": "airflow"}}}]}]


def _sweep_logs(objects: list[Manifest]) -> None:
    containers = objects[2]["spec"]["template"]["spec"]["containers"]
    containers.append({"name": "log-groomer", "image": pod_templates.IMAGE, "args": ["bash", "/clean-logs"]})


def _ask_the_other_image(objects: list[Manifest]) -> None:
    (container,) = objects[2]["spec"]["template"]["spec"]["containers"]
    container["startupProbe"]["exec"]["command"] = ["/entrypoint", "airflow", "jobs", "check"]


def _tell_a_secret(objects: list[Manifest]) -> None:
    (volume,) = objects[2]["spec"]["template"]["spec"]["volumes"]
    volume["secret"]["items"].append({"key": "signing.pem", "path": "signing.pem"})


def _take_another_image(objects: list[Manifest]) -> None:
    (container,) = objects[2]["spec"]["template"]["spec"]["containers"]
    container["image"] = "apache/airflow:3.3.2"


def _misspell(objects: list[Manifest]) -> None:
    objects[2]["spec"]["replica"] = 2


def test_what_helm_makes_of_good_values_has_no_fault() -> None:
    assert faults_of(rendered()) == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (_lock_the_door, "lets nobody reach"),
        (_let_only_others_in, "keeps tasks away"),
        (_sweep_logs, "runs 'bash /clean-logs'"),
        (_ask_the_other_image, "startupProbe asks '/entrypoint"),
        (_tell_a_secret, "is given the secrets"),
        (_take_another_image, "has the image apache/airflow:3.3.2"),
        (_misspell, "does not follow the schema"),
    ],
)
def test_a_rendered_chart_that_could_not_run_is_refused(
    broken: Callable[[list[Manifest]], None], said: str
) -> None:
    objects = rendered()
    broken(objects)
    assert any(said in fault for fault in faults_of(objects)), faults_of(objects)


def test_the_two_files_go_together() -> None:
    assert KUBERNETES["executor"] == "KubernetesExecutor"
    (place,) = KUBERNETES["env"]
    assert place["name"] == "AIRLOCK_POD_TEMPLATES_DIR"
    assert (PROJECT_ROOT / place["value"].removeprefix("/opt/airlock/")).is_dir()
    assert mounted(KUBERNETES["scheduler"]).keys() == mounted(CELERY["scheduler"]).keys() - {
        "airlock_celery_broker_url"
    }


def test_every_public_setting_exists_and_none_is_a_secret() -> None:
    lines = (DEPLOY / "kubernetes" / "airlock.env").read_text().split()
    given = dict(line.split("=", 1) for line in lines)
    known = {f"AIRLOCK_{name.upper()}" for name in Settings.model_fields} | {"AIRLOCK_SECRETS_DIR"}
    assert {name for name in given if name.startswith("AIRLOCK_")} <= known
    assert not re.search(r"://[^/]*:[^/]*@", "\n".join(lines))


def test_the_scheduler_counts_on_as_many_workers_as_there_are() -> None:
    given = dict(line.split("=", 1) for line in (DEPLOY / "kubernetes" / "airlock.env").read_text().split())
    assert int(given["AIRLOCK_CELERY_WORKERS"]) == CELERY["workers"]["replicas"]


def test_a_task_runs_what_the_executor_says_and_nothing_else() -> None:
    settings = Settings(_env_file=None)
    told = ("python", "-m", "airflow.sdk.execution_time.execute_workload", "--json-string", "{}")
    assert components.command_of("task", settings, given=told)[1:] == list(told[1:])
    done = CliRunner().invoke(main, ["component", "task", "--", "sh"], env={"AIRLOCK_LEDGER_URL": "x"})
    assert done.exit_code == 1


def test_what_the_image_needs_for_pods_agrees_with_what_it_has() -> None:
    pins = {
        name: dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (PROJECT_ROOT / name).read_text(), flags=re.MULTILINE))
        for name in ("requirements.txt", "requirements-kubernetes.txt")
    }
    has, adds = pins.values()
    assert "apache-airflow-providers-cncf-kubernetes" in adds
    assert {name for name in has.keys() & adds.keys() if has[name] != adds[name]} == set()
