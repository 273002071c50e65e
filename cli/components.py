"""The parts of an installation that is spread over containers or processes, and what each of them may know.

`docker-compose.yaml` starts each in a container with `./airlock component NAME`; `./airlock up-local` starts
the same ones as processes of one machine. What a part needs stands here once: a container that is not given a
secret cannot pass it on.
"""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from cli.environment import airflow_environment, base_environment
from cli.secret_files import S3_OPERATOR, S3_TASKS
from include.errors import ConfigurationError
from include.settings import Settings

# Settings that are secrets, or lead to one.
CONFIDENTIAL = frozenset(
    {*(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr), "keys_file"}
    | {"signing_key"}
)
S3 = "s3"
_METADATA = {"airflow_database_url", "keys_file"}


@dataclass(frozen=True)
class Component:
    """One part.

    Attributes:
        arguments: of `python -m`; `{port}` and `{name}` are filled in.
        needs: confidential settings without which it cannot do its work; `s3` are keys of the object store.
        may_know: confidential settings that it uses where somebody has set them.
    """

    arguments: tuple[str, ...]
    needs: frozenset[str]
    may_know: frozenset[str] = frozenset()


def _airflow(*arguments: str, needs: set[str], may_know: set[str] | None = None) -> Component:
    return Component(("airflow", *arguments), frozenset(needs), frozenset(may_know or ()))


COMPONENTS = {
    # For people and scripts. Its pages show decisions, reports and logs.
    "api-server": _airflow(
        "api-server", "--apps", "core",
        needs={*_METADATA, "ledger_url", "airflow_password", S3},
    ),
    # Both in one, where a load balancer stands before many of them.
    "whole-api-server": _airflow(
        "api-server",
        needs={*_METADATA, "ledger_url", "airflow_password", S3},
    ),
    # For running tasks; nobody else reaches it.
    "execution-api": _airflow("api-server", "--apps", "execution", "--port", "{port}", needs=_METADATA),
    "scheduler": _airflow("scheduler", "--skip-serve-logs", needs={*_METADATA, "celery_broker_url"}),
    "dag-processor": _airflow("dag-processor", needs=_METADATA),
    # Waits for landed files where a use case says so.
    "triggerer": _airflow("triggerer", "--skip-serve-logs", needs={*_METADATA, S3}),
    # Runs the tasks. It knows neither Airflow's database nor its keys: tasks speak to the execution API.
    "worker": _airflow(
        "celery", "worker", "--skip-serve-logs", "--celery-hostname", "{name}", "--queues", "{queues}",
        needs={"celery_broker_url", "ledger_url", "signing_key", S3},
        may_know={"privacy_key", "alert_webhook_url"},
    ),
    # One task in a pod of its own, started by KubernetesExecutor, which appends what is to be run.
    "task": Component(
        (),
        frozenset({"ledger_url", "signing_key", S3}),
        frozenset({"privacy_key", "alert_webhook_url"}),
    ),
    "mlflow": Component(
        ("mlflow", "server", "--host", "{mlflow_host}", "--port", "{mlflow_port}", "--workers", "1",
         "--no-serve-artifacts"),
        frozenset({"mlflow_database_url", S3}),
    ),
    # Once, before all others: databases and buckets as the installed versions want them.
    "prepare": Component(("cli.prepare",), frozenset({*_METADATA, "ledger_url", S3})),
    # Now and then: what Airflow's database remembers of runs that are long over.
    "clean-metadata": Component(("cli.clean_metadata",), frozenset(_METADATA)),
}  # fmt: skip


def kind_of(name: str) -> str:
    """Return what a part is, without the number that tells several of one kind apart."""
    return re.sub(r"-\d+$", "", name)


def instance_of(name: str) -> str:
    """Return a name of its own for a part: a `worker` without a number is one of many, named by its host."""
    return f"worker-{socket.gethostname()}" if name == "worker" else name


def component_of(name: str) -> Component:
    """Return a part by its name, such as `scheduler` or `worker-2`.

    Raises:
        ConfigurationError: there is no such part.
    """
    kind = kind_of(name)
    if kind not in COMPONENTS:
        raise ConfigurationError(f"There is no component {name!r}; choose one of {', '.join(COMPONENTS)}")
    return COMPONENTS[kind]


def secret_files(name: str) -> dict[str, str]:
    """Return the files of secrets that a part is given: what each is called there, and which was drawn."""
    component = component_of(name)
    known = component.needs | component.may_know
    files = {
        f"airlock_{one}": f"airlock_{one}"
        for one in sorted(known & CONFIDENTIAL - {"keys_file", "signing_key", "alert_webhook_url"})
    }
    if "keys_file" in known:
        files["keys.json"] = "keys.json"
    if "signing_key" in known:
        files["signing.pem"] = "signing.pem"
    if S3 in known:
        files[S3_TASKS] = S3_OPERATOR if name == "prepare" else S3_TASKS
    return files


def check(name: str, settings: Settings, environment: Mapping[str, str]) -> None:
    """See that a part has what it needs before it starts.

    Raises:
        ConfigurationError: a secret is missing; the message names all that are.
    """
    component = component_of(name)
    missing = [
        f"AIRLOCK_{need.upper()}"
        for need in sorted(component.needs - {S3} - _not_needed(settings))
        if not _text(getattr(settings, need))
    ]
    if S3 in component.needs and not s3_keys(environment):
        missing.append("AWS_SHARED_CREDENTIALS_FILE (or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)")
    if missing:
        raise ConfigurationError(
            f"{name} does not start: {', '.join(missing)} must be given; no default would be a secret. "
            "Draw them with `./airlock secrets FOLDER`, see docs/production.md"
        )


def _not_needed(settings: Settings) -> set[str]:
    """Return what is of no use here: without Celery workers there is no queue."""
    return {"celery_broker_url"} if settings.pod_templates_dir else set()


def allowed(name: str, settings: Settings) -> Settings:
    """Return the settings of a part: without what it has no need to know."""
    component = component_of(name)
    hidden = CONFIDENTIAL - component.needs - component.may_know
    empty = {one: SecretStr("") if isinstance(getattr(settings, one), SecretStr) else "" for one in hidden}
    return settings.model_copy(update=empty)


def command_of(name: str, settings: Settings, *, queues: str = "", given: Sequence[str] = ()) -> list[str]:
    """Return the program of a part and its arguments. None of them is a secret.

    Args:
        name: of the part.
        settings: of the part.
        queues: of a worker; all if not given.
        given: what a `task` is to run, as KubernetesExecutor says it: `python -m ...`.
    """
    if name == "task":
        if list(given[:2]) != ["python", "-m"]:
            raise ConfigurationError(
                "A task is told what to run, as in: ./airlock component task -- python -m ..."
            )
        return [sys.executable, *given[1:]]
    values = {
        "name": instance_of(name),
        "port": str(execution_port(settings)),
        "queues": queues or ",".join(dict.fromkeys(("default", settings.training_queue))),
        "mlflow_host": settings.mlflow_host,
        "mlflow_port": str(settings.mlflow_port),
    }
    return [sys.executable, "-m", *(part.format(**values) for part in component_of(name).arguments)]


def environment_of(name: str, settings: Settings, *, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a part: what it needs, and no secret beyond that.

    Args:
        name: of the part.
        settings: of the part, see `allowed`.
        inherited: the environment to start from.
    """
    component = component_of(name)
    if name != "mlflow":
        environment = airflow_environment(
            settings,
            api_port=settings.airflow_port,
            execution_port=execution_port(settings),
            mlflow_tracking_uri=settings.mlflow_tracking_uri,
            inherited=inherited,
        )
        environment["AIRFLOW__API__BASE_URL"] = settings.public_address
        if "keys_file" not in component.needs:
            for secret in ("CORE__FERNET_KEY", "API__SECRET_KEY", "API_AUTH__JWT_SECRET"):
                del environment[f"AIRFLOW__{secret}"]
    else:
        environment = base_environment(settings, inherited=inherited)
        environment["MLFLOW_BACKEND_STORE_URI"] = settings.mlflow_database_url.get_secret_value()
        environment["MLFLOW_DEFAULT_ARTIFACT_ROOT"] = settings.mlflow_artifacts_url
    if settings.s3_endpoint_url:
        environment["MLFLOW_S3_ENDPOINT_URL"] = settings.s3_endpoint_url
    keys = s3_keys(environment) if S3 in component.needs else {}
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SHARED_CREDENTIALS_FILE"):
        environment.pop(variable, None)
    if "AWS_ACCESS_KEY_ID" in keys:
        # Without an answer of a cloud's metadata service, every first request would wait for it.
        environment.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    return environment | keys


def execution_port(settings: Settings) -> int:
    """Return the port of the address at which tasks reach Airflow."""
    return urlsplit(settings.execution_url).port or 8081


def s3_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the keys of the object store as variables: the Delta library reads no file of them."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    if all(environment.get(name) for name in names):
        return {name: environment[name] for name in names}
    if "AWS_WEB_IDENTITY_TOKEN_FILE" in environment:
        return {"AWS_WEB_IDENTITY_TOKEN_FILE": environment["AWS_WEB_IDENTITY_TOKEN_FILE"]}
    file = environment.get("AWS_SHARED_CREDENTIALS_FILE", "")
    if not file or not os.path.isfile(file):  # noqa: PTH113 -- a name that may be empty
        return {}
    from configparser import ConfigParser

    parser = ConfigParser()
    parser.read(file, encoding="utf-8")
    section = parser[parser.sections()[0]] if parser.sections() else {}
    found = {name: section.get(name.lower(), "") for name in names}
    return found if all(found.values()) else {}


def _text(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
