"""The environment of the processes that Airlock starts: Airflow's components and the MLflow server.

Configuration travels in environment variables only: nothing secret stands on a command line, no `airflow.cfg`
has to agree with `.env`, and two homes can run side by side.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from cli.credentials import keys_of, make_passwords, passwords_file, users_of
from include.errors import ConfigurationError
from include.settings import PROJECT_ROOT, Settings

CONFIG_FOLDER = PROJECT_ROOT / "config"

# No library that we use may report to its makers.
_NO_TELEMETRY = {
    "DO_NOT_TRACK": "true",
    "EVIDENTLY_DISABLE_TELEMETRY": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_DISABLE_AGENT_HINT": "true",
    "SCARF_ANALYTICS": "false",
    "SCARF_NO_ANALYTICS": "true",
}

# Fewer processes and quieter logs.
_LIBRARIES = {
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}

# Settings that no child process needs; the password lies in the file that Airflow reads.
_PRIVATE = {"airflow_password", "api_token"}

# A task that waits for its turn is in nobody's way: no number of times that it is queued anew fails it.
_QUEUED_ANEW_WITHOUT_END = "1000000000"

# How long a writer waits for another one before SQLite says "database is locked".
_SQLITE_PATIENCE_SECONDS = 60


def base_environment(
    settings: Settings, *, mlflow_tracking_uri: str = "", inherited: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What every process of an installation gets: the settings, resolved, and what the libraries must not do.

    Args:
        settings: The installation.
        mlflow_tracking_uri: The running MLflow server, if there is one.
        inherited: The environment to start from; the one of this process if not given.
    """
    environment = dict(os.environ if inherited is None else inherited)
    # With it, every process would compile some thousands of files again.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.update(_NO_TELEMETRY | _LIBRARIES)
    environment["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), environment.get("PATH", "")))
    # Servers on this machine are reached without a proxy.
    hosts = {"127.0.0.1", "localhost", settings.airflow_host, settings.mlflow_host}
    hosts |= {
        host for host in environment.get("NO_PROXY", environment.get("no_proxy", "")).split(",") if host
    }
    environment["NO_PROXY"] = environment["no_proxy"] = ",".join(sorted(hosts))
    environment["OMP_NUM_THREADS"] = str(settings.omp_num_threads)
    # A fork does not copy OpenBLAS's threads; with one, results do not depend on the machine either.
    environment["OPENBLAS_NUM_THREADS"] = "1"
    environment.update(settings_as_environment(settings, mlflow_tracking_uri))
    return environment


def airflow_environment(
    settings: Settings,
    *,
    api_port: int,
    execution_port: int,
    mlflow_tracking_uri: str = "",
    dags_folder: Path = PROJECT_ROOT / "dags",
    plugins_folder: Path = PROJECT_ROOT / "plugins",
    paused_at_creation: bool = True,
    inherited: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The environment that all Airflow processes of one home share.

    Args:
        settings: The installation.
        api_port: Where people and scripts reach Airflow.
        execution_port: Where running tasks reach Airflow.
        mlflow_tracking_uri: The running MLflow server, if there is one.
        dags_folder: Folder of the DAG files.
        plugins_folder: Folder of Airflow's plugins.
        paused_at_creation: Whether a new DAG waits until somebody unpauses it.
        inherited: The environment to start from; the one of this process if not given.
    """
    home = airflow_home(settings)
    environment = base_environment(settings, mlflow_tracking_uri=mlflow_tracking_uri, inherited=inherited)
    environment["AIRFLOW_HOME"] = str(home)
    # Airflow calls the older name of a class for each line of an `.airflowignore`, in the log of each task.
    environment["PYTHONWARNINGS"] = "ignore:GitWildMatchPattern:DeprecationWarning"
    environment["PYTHONPATH"] = os.pathsep.join((str(PROJECT_ROOT), str(CONFIG_FOLDER)))
    options = {
        "core": {
            "dags_folder": str(dags_folder),
            "plugins_folder": str(plugins_folder),
            "dags_are_paused_at_creation": str(paused_at_creation),
            "load_examples": "False",
        },
        "dag_processor": {
            "dag_bundle_storage_path": str(home / "bundles"),
            # A changed DAG file is parsed at once; this is how long a changed use case waits.
            "min_file_process_interval": "60",
        },
        "database": {"sql_alchemy_conn": metadata_database(settings)},
    }
    for part in (
        options,
        _execution(settings),
        _task_logs(settings),
        _api(settings, api_port, execution_port),
        _identity(settings),
        _openlineage(settings),
    ):
        for section, values in part.items():
            for option, value in values.items():
                environment[f"AIRFLOW__{section}__{option}".upper()] = value
    return environment


def airflow_home(settings: Settings) -> Path:
    return settings.home / "airflow"


def metadata_database(settings: Settings) -> str:
    if named := settings.airflow_database_url.get_secret_value():
        return named
    return f"sqlite:///{airflow_home(settings) / 'airflow.db'}?timeout={_SQLITE_PATIENCE_SECONDS}"


def _execution(settings: Settings) -> dict[str, dict[str, str]]:
    """How tasks are started: forked from warm workers, and reaped the moment that they end."""
    coordinators = {"prompt": {"classpath": "prompt_coordinator.PromptCoordinator"}}
    queues = dict.fromkeys(("default", settings.training_queue), "prompt")
    fork = {"mp_start_method": "fork"} if sys.platform == "linux" else {}
    options = {
        "core": {"executor": "LocalExecutor", "parallelism": str(settings.task_slots), **fork},
        "scheduler": {
            # Airflow's default, a second, is felt at each of a day's hops; a tenth costs an idle machine an
            # eighth of a core.
            "scheduler_idle_sleep_time": "0.25",
            # A task says every five seconds that it lives. One whose machine is gone starts again after these
            # seconds, not after five minutes; a restart of the database takes less.
            "task_instance_heartbeat_timeout": "90",
            "orphaned_tasks_check_interval": "60",
            # Airflow's default, two, would end what waits half an hour for room on a crowded cluster.
            "num_stuck_in_queued_retries": _QUEUED_ANEW_WITHOUT_END,
        },
        "sdk": {"coordinators": json.dumps(coordinators), "queue_to_coordinator": json.dumps(queues)},
    }
    if settings.pod_templates_dir:
        options["core"] = {"executor": "KubernetesExecutor", **fork}
        options["kubernetes_executor"] = {
            "pod_template_file": f"{settings.pod_templates_dir.rstrip('/')}/default.yaml",
            "delete_worker_pods": "True",
        }
    if broker := settings.celery_broker_url.get_secret_value():
        # Of each scheduler: the rest waits in Airflow's database, in the order of its priority, and not in
        # Celery's queue. There a worker that ends a task finds the next one; the scheduler would take a
        # second to learn of the end and to send it.
        slots = settings.celery_workers * (settings.task_slots + settings.celery_tasks_ahead)
        options["core"] = {"executor": "CeleryExecutor", "parallelism": str(slots), **fork}
        # What a worker had taken and not begun when it was killed is nobody's: Redis would give it out again
        # after hours. A task that only waits for its turn loses nothing by being queued anew. Its token runs
        # out at the same time, ten seconds of leeway aside: who takes it later has a task that fails, so the
        # check comes often.
        options["scheduler"] |= {
            "task_queued_timeout": "120",
            "task_queued_timeout_check_interval": "5",
        }
        options["celery"] = {
            "broker_url": broker,
            # Not the metadata database, which a worker has no business with.
            "result_backend": broker,
            "worker_concurrency": str(settings.task_slots),
            # A worker takes no task that another one could start at once.
            "worker_prefetch_multiplier": "1",
            # One process asks for the state of all tasks; more cost more than they save.
            "sync_parallelism": "1",
        }
        # Of a task that ended in the moment in which its worker was killed nobody tells the scheduler, and it
        # holds a slot. Given out again, it is refused, and the slot is free; none may run as long as this.
        options["celery_broker_transport_options"] = {"visibility_timeout": str(3 * 3600)}
    return options


def _task_logs(settings: Settings) -> dict[str, dict[str, str]]:
    """Where the UI finds the logs of tasks that ran on another machine."""
    if not settings.task_logs_url:
        return {}
    return {"logging": {"logging_config_class": "task_logs.LOGGING_CONFIG"}}


def _api(settings: Settings, api_port: int, execution_port: int) -> dict[str, dict[str, str]]:
    host = settings.airflow_host
    execution_url = settings.execution_url or f"http://{host}:{execution_port}"
    return {
        "api": {
            "base_url": f"http://{host}:{api_port}",
            "host": host,
            "port": str(api_port),
            "workers": "1",
            "instance_name": "Airlock",
        },
        "core": {"execution_api_server_url": f"{execution_url.rstrip('/')}/execution/"},
    }


def _identity(settings: Settings) -> dict[str, dict[str, str]]:
    """Who may come in, and the keys that the processes know each other by."""
    if not settings.airflow_user or set(settings.airflow_user) & set(":,"):
        raise ConfigurationError(
            f"AIRLOCK_AIRFLOW_USER is {settings.airflow_user!r}: Airflow needs a name without ':' and ','."
        )
    users = users_of(settings)
    make_passwords(settings, users)
    keys = keys_of(settings.home, settings.keys_file)
    return {
        "core": {
            "fernet_key": keys.fernet_key,
            # It lies in the folder `config`, where each of Airflow's processes finds it.
            "auth_manager": "airlock_roles.AirlockAuthManager",
            "simple_auth_manager_users": ",".join(f"{name}:{role}" for name, role in users.items()),
            "simple_auth_manager_passwords_file": str(passwords_file(settings.home)),
        },
        "api": {"secret_key": keys.api_secret},
        "api_auth": {"jwt_secret": keys.jwt_secret},
    }


def _openlineage(settings: Settings) -> dict[str, dict[str, str]]:
    """Where Airflow's provider sends its events. Switched off, it imports next to nothing."""
    if not settings.openlineage:
        return {"openlineage": {"disabled": "True"}}
    file = settings.home / "lineage" / "events.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    transport = settings.openlineage_transport or json.dumps(
        {"type": "file", "log_file_path": str(file), "append": True}
    )
    return {
        "openlineage": {
            "disabled": "False",
            "transport": transport,
            "namespace": "airlock",
            # Our operators tell of their tables; the text of their modules says nothing more.
            "disable_source_code": "True",
            # In a process forked from the task, as is the default, the Delta library cannot be used.
            "execute_in_thread": "True",
        }
    }


def settings_as_environment(settings: Settings, mlflow_tracking_uri: str = "") -> dict[str, str]:
    """The settings as variables, defaults resolved, so that a child reads what its parent read."""
    resolved = {
        "landing_url": settings.landing,
        "lake_url": settings.lake,
        "ledger_url": settings.ledger,
        "mlflow_tracking_uri": mlflow_tracking_uri or settings.mlflow,
    }
    environment = {}
    for name in type(settings).model_fields:
        value = resolved.get(name, getattr(settings, name))
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        if name not in _PRIVATE and text:
            environment[f"AIRLOCK_{name}".upper()] = text
    return environment
