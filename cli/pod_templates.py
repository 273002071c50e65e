"""`python -m cli.pod_templates FOLDER`: the pods of KubernetesExecutor, one template per stage.

What they have in common stands here once; what a stage needs is one line of a table. docs/production.md says
where the figures come from.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cli.components import secret_files
from cli.secret_files import S3_TASKS

IMAGE = "airlock:0.1.0"
_HEAD = "# Made by `make pods`; change cli/pod_templates.py instead.\n"
# Of the Secret and of the ConfigMap in the cluster, see deploy/helm/values-celery.yaml.
_NAME = "airlock"


@dataclass(frozen=True)
class Need:
    """What one task of a stage asks for, and where it is ended.

    Attributes:
        cpu: processors, both asked for and the limit.
        memory_mb: what it asks for.
        most_memory_mb: above it the pod is ended.
        disk_mb: for landed files and models on their way.
    """

    cpu: float
    memory_mb: int
    most_memory_mb: int
    disk_mb: int


NEEDS = {
    "ingest": Need(1, 1024, 3072, 8192),
    "features": Need(1, 1024, 3072, 1024),
    "rebuild_features": Need(1, 2048, 6144, 2048),
    "train": Need(2, 3072, 8192, 4096),
    "score": Need(1, 1024, 3072, 1024),
    "monitor": Need(1, 1536, 4096, 1024),
    "report": Need(1, 1536, 4096, 1024),
    "quarantine": Need(0.5, 1024, 3072, 1024),
    "rollback": Need(0.5, 768, 1536, 1024),
    "default": Need(0.5, 768, 2048, 1024),
}


def pod(stage: str) -> dict[str, Any]:
    """Return the template of a stage's pods."""
    need = NEEDS[stage]
    items = [{"key": source, "path": target} for target, source in secret_files("task").items()]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"airlock-{stage.replace('_', '-')}",
            # By `tier`, the network's rules know who may speak to the API server.
            "labels": {"tier": "airflow", "airlock/stage": stage},
        },
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": "airlock-task",
            # A task asks Airflow for what it needs to know; it has no business with the cluster.
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 60,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "fsGroup": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(need)],
            "volumes": [
                {"name": "secrets", "secret": {"secretName": _NAME, "items": items, "defaultMode": 288}},
                {"name": "home", "emptyDir": {"sizeLimit": f"{need.disk_mb}Mi"}},
                {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
            ],
        },
    }


def _container(need: Need) -> dict[str, Any]:
    """Return what runs in a pod: one task, with what it needs."""
    cpu, disk = f"{round(need.cpu * 1000)}m", f"{need.disk_mb}Mi"
    return {
        "name": "base",
        "image": IMAGE,
        # The executor appends what is to be run.
        "command": ["./airlock", "component", "task", "--"],
        "envFrom": [{"configMapRef": {"name": _NAME}}],
        "env": [
            {"name": "AIRLOCK_SECRETS_DIR", "value": "/run/secrets"},
            {"name": "AIRLOCK_SIGNING_KEY", "value": "/run/secrets/signing.pem"},
            {"name": "AWS_SHARED_CREDENTIALS_FILE", "value": f"/run/secrets/{S3_TASKS}"},
        ],
        "resources": {
            "requests": {"cpu": cpu, "memory": f"{need.memory_mb}Mi", "ephemeral-storage": disk},
            "limits": {"cpu": cpu, "memory": f"{need.most_memory_mb}Mi", "ephemeral-storage": disk},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "secrets", "mountPath": "/run/secrets", "readOnly": True},
            {"name": "home", "mountPath": "/var/lib/airlock"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 -- inside a container
        ],
    }


def text(stage: str) -> str:
    return _HEAD + yaml.safe_dump(pod(stage), sort_keys=False)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for stage in NEEDS:
        (folder / f"{stage}.yaml").write_text(text(stage), encoding="utf-8")
