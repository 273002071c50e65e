"""Settings of one installation, read from the environment and from `.env`.

Every field here is listed with its default and meaning in `.env.example`; a test compares the two.
Use cases are not settings: they live in `include/use_cases/<name>/use_case.yaml`.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

PROJECT_ROOT = Path(__file__).resolve().parent.parent
# Names a folder with one file per secret, called like the variable in small letters. Not a setting itself: it
# says where settings are read from.
SECRETS_DIR_VARIABLE = "AIRLOCK_SECRETS_DIR"


class Settings(BaseSettings):
    """Where things are kept and how many threads may be used. Environment names carry the prefix AIRLOCK_."""

    model_config = SettingsConfigDict(
        env_prefix="AIRLOCK_",
        env_file=PROJECT_ROOT / ".env",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
    )

    home: Path = Field(PROJECT_ROOT / ".airlock", description="folder of everything that is made at run time")
    use_cases_dir: Path = Field(PROJECT_ROOT / "include" / "use_cases", description="folder of the use cases")
    policies_dir: Path = Field(
        PROJECT_ROOT / "include" / "policies",
        description="folder of the organisation's rules, which no use case can loosen",
    )
    landing_url: str = Field("", description="where upstream systems put files; empty: <home>/landing")
    lake_url: str = Field(
        "", description="root of the lake, a folder or s3://bucket/prefix; empty: <home>/lake"
    )
    ledger_url: SecretStr = Field(
        SecretStr(""), description="SQLAlchemy URL of the ledger; empty: SQLite in <home>"
    )
    online_store_url: SecretStr = Field(
        SecretStr(""),
        description="where features for requests are kept, sqlite:///… or redis://…; empty: SQLite in <home>",
    )
    mlflow_tracking_uri: str = Field(
        "", repr=False, description="MLflow server or database; empty: SQLite in <home>/mlflow"
    )
    s3_endpoint_url: str = Field("", description="address of an S3 server other than AWS")
    s3_region: str = Field("us-east-1", description="region name used for S3")
    signing_key: str = Field(
        "", description="private key (PEM, elliptic curve) that signs models; empty: made in <home>/keys"
    )
    signing_public_key: str = Field(
        "",
        description="public keys that models are checked with, separated by commas; empty: the private one's",
    )
    omp_num_threads: int = Field(1, ge=1, description="OpenMP threads of one task; recorded with every model")
    privacy_key: SecretStr = Field(
        SecretStr(""), description="secret of the keyed hash of personal data, at least 32 signs"
    )
    flags_file: str = Field(
        "", description="YAML file of switches that is read for every decision; empty: <home>/flags.yaml"
    )
    flags_provider: str = Field(
        "", description="OpenFeature provider as module:class instead of the file; empty: the file"
    )
    airflow_host: str = Field("127.0.0.1", description="address that the Airflow API server listens on")
    airflow_port: int = Field(
        8080, ge=0, le=65535, description="port of the Airflow UI and API; 0: a free one"
    )
    airflow_user: str = Field("admin", description="user of the Airflow UI that `make demo` creates")
    airflow_password: SecretStr = Field(
        SecretStr(""), description="password of that user; empty: drawn at random"
    )
    airflow_users: str = Field(
        "", description="more users as name:role, separated by commas; roles: viewer, user, op, admin"
    )
    public_url: str = Field(
        "",
        description="address at which people reach the Airflow UI, for links; empty: host and port",
    )
    alert_webhook_url: SecretStr = Field(
        SecretStr(""),
        description="address alerts are posted to, https or on this machine; empty: none",
    )
    alert_slack_url: SecretStr = Field(
        SecretStr(""), description="incoming webhook of Slack that alerts are posted to; empty: none"
    )
    alert_smtp_url: SecretStr = Field(
        SecretStr(""),
        description="mail server for alerts, smtp://user:password@host:587 or smtps://...; empty: none",
    )
    alert_mail_from: str = Field("airlock@localhost", description="address that mailed alerts come from")
    alert_mail_to: str = Field(
        "", description="addresses that alerts are mailed to, separated by commas; empty: none"
    )
    alert_connection: str = Field(
        "",
        description="Airflow connections that hold such addresses instead, by type; separated by commas",
    )
    private_hosts: str = Field(
        "",
        description="hosts on private networks that alerts may be sent to, separated by commas; empty: none",
    )
    production: bool = Field(
        False, description="changes go through Airflow's API alone, by its roles, see docs/roles.md"
    )
    api_token: SecretStr = Field(
        SecretStr(""), description="token of Airflow's API for the command line in production; empty: none"
    )
    mlflow_database_url: SecretStr = Field(
        SecretStr(""),
        description="SQLAlchemy URL of the MLflow server's database; empty: SQLite in <home>/mlflow",
    )
    mlflow_artifacts_url: str = Field(
        "", description="where MLflow keeps files, s3://bucket/prefix; empty: a folder in <home>/mlflow"
    )
    mlflow_host: str = Field(
        "127.0.0.1", description="address that the MLflow server of `make demo` listens on"
    )
    mlflow_port: int = Field(5000, ge=0, le=65535, description="port of that MLflow server; 0: a free one")
    task_slots: int = Field(
        4, ge=1, description="tasks that LocalExecutor, or one Celery worker, runs at the same time"
    )
    airflow_database_url: SecretStr = Field(
        SecretStr(""), description="SQLAlchemy URL of Airflow's metadata; empty: SQLite in <home>/airflow"
    )
    celery_broker_url: SecretStr = Field(
        SecretStr(""), description="Redis URL of the queue to Celery workers; empty: LocalExecutor"
    )
    celery_workers: int = Field(
        2, ge=1, description="Celery workers altogether; with the slots of each, how many tasks are queued"
    )
    celery_tasks_ahead: int = Field(
        1,
        ge=0,
        description="Tasks queued for each Celery worker beside those it works on, see docs/production.md",
    )
    training_queue: str = Field(
        "default",
        description="Celery queue of trainings, for workers with more memory, see docs/production.md",
    )
    pod_templates_dir: str = Field(
        "",
        description="folder with one Kubernetes pod template per stage; empty: none, see docs/production.md",
    )
    execution_url: str = Field(
        "", description="address at which tasks on other machines reach Airflow; empty: one of this machine"
    )
    task_logs_url: str = Field(
        "", description="where workers put the logs of tasks, s3://bucket/prefix; empty: a folder of each"
    )
    keys_file: str = Field(
        "",
        description="JSON file of the keys that Airflow's processes share; empty: drawn in <home>/secrets",
    )
    warm_workers: bool = Field(
        True, description="import the heavy libraries once, before task processes are forked"
    )
    openlineage: bool = Field(
        True, description="tell OpenLineage of what every task read and wrote, see docs/lineage.md"
    )
    openlineage_transport: str = Field(
        "",
        repr=False,
        description="OpenLineage transport as JSON; empty: the file <home>/lineage/events.jsonl",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read a folder of secrets in the place of `.env`, where the environment names one."""
        if folder := os.environ.get(SECRETS_DIR_VARIABLE):
            return init_settings, env_settings, SecretsSettingsSource(settings_cls, secrets_dir=folder)
        return init_settings, env_settings, dotenv_settings, file_secret_settings

    @field_validator("home", "use_cases_dir", "policies_dir")
    @classmethod
    def _from_the_project(cls, path: Path) -> Path:
        """Take a relative folder from the project root, not from wherever a process happens to stand."""
        return path if path.is_absolute() else PROJECT_ROOT / path

    @property
    def landing(self) -> str:
        return self.landing_url or str(self.home / "landing")

    @property
    def lake(self) -> str:
        return self.lake_url or str(self.home / "lake")

    @property
    def flags(self) -> Path:
        return PROJECT_ROOT / self.flags_file if self.flags_file else self.home / "flags.yaml"

    @property
    def ledger(self) -> str:
        """SQLAlchemy URL, with its password: never log it."""
        return self.ledger_url.get_secret_value() or f"sqlite:///{self.home / 'ledger.db'}"

    @property
    def online_store(self) -> str:
        """URL of the online store, with its password: never log it."""
        return self.online_store_url.get_secret_value() or f"sqlite:///{self.home / 'online.db'}"

    @property
    def reachable_hosts(self) -> frozenset[str]:
        """Hosts on private networks that alerts may be sent to, in small letters."""
        return frozenset(_listed(self.private_hosts.lower()))

    @property
    def mail_receivers(self) -> list[str]:
        return _listed(self.alert_mail_to)

    @property
    def alert_connections(self) -> list[str]:
        return _listed(self.alert_connection)

    @property
    def public_address(self) -> str:
        return (self.public_url or f"http://{self.airflow_host}:{self.airflow_port}").rstrip("/")

    @property
    def mlflow(self) -> str:
        return self.mlflow_tracking_uri or f"sqlite:///{self.home / 'mlflow' / 'mlflow.db'}"


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Settings of this process. Tests build `Settings(...)` themselves instead."""
    return Settings()
