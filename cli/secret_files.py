"""The secrets of an installation of many parts, one file each, as containers are given them.

Drawn at random, once; nothing here has a default that works.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from cli.credentials import Keys
from include.errors import ConfigurationError

# In containers, files of secrets belong to nobody in particular; their folder is what keeps others out.
_FILE_MODE, _FOLDER_MODE = 0o444, 0o700
DATABASES = ("airflow", "mlflow", "ledger")
BUCKET_PREFIX = "airlock-"
S3_OPERATOR, S3_TASKS = "aws_operator_credentials", "aws_credentials"


@dataclass(frozen=True)
class Addresses:
    """Where the servers are reached: `host:port` each."""

    postgres: str = "postgres:5432"
    redis: str = "redis:6379"


def draw(folder: Path) -> None:
    """Draw what is random. A folder that holds some of it is left as it is.

    Raises:
        ConfigurationError: the folder holds only a part.
    """
    folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    wanted = _drawn()
    there = [name for name in wanted if (folder / name).exists()]
    if len(there) == len(wanted):
        return
    if there:
        raise ConfigurationError(
            f"{folder} holds {len(there)} of {len(wanted)} secrets, so they do not belong together; "
            "draw new ones into an empty folder, or restore the missing ones"
        )
    for name, content in wanted.items():
        _write(folder / name, content)


def write_addresses(folder: Path, addresses: Addresses) -> None:
    """Write the URLs, which hold passwords that were drawn."""
    passwords = {name: read(folder, f"{name}_database_password") for name in DATABASES}
    urls = {
        f"airlock_{setting}": f"postgresql+psycopg2://{name}:{passwords[name]}@{addresses.postgres}/{name}"
        for name, setting in zip(
            DATABASES, ("airflow_database_url", "mlflow_database_url", "ledger_url"), strict=True
        )
    }
    urls["airlock_celery_broker_url"] = f"redis://:{read(folder, 'redis_password')}@{addresses.redis}/0"
    for name, content in urls.items():
        _write(folder / name, content)


def read(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8").strip()


def _drawn() -> dict[str, str]:
    redis = _password()
    operator, tasks = _S3Key.draw("operator"), _S3Key.draw("tasks")
    # Tasks read and write what is in the buckets; they make no buckets and no users.
    actions = {"operator": ["Admin"], "tasks": ["Read", "Write", "List", "Tagging"]}
    identities = [key.identity(actions[key.name]) for key in (operator, tasks)]
    return {
        "postgres_password": _password(),
        **{f"{name}_database_password": _password() for name in DATABASES},
        "redis_password": redis,
        "redis.conf": f"requirepass {redis}\nappendonly yes\n",
        "s3.json": json.dumps({"identities": identities}),
        S3_OPERATOR: operator.as_file(),
        S3_TASKS: tasks.as_file(),
        "airlock_airflow_password": _password(),
        "airlock_privacy_key": secrets.token_urlsafe(48),
        "keys.json": json.dumps(asdict(Keys.draw())),
        "signing.pem": _signing_key(),
    }


@dataclass(frozen=True)
class _S3Key:
    name: str
    access_key: str
    secret_key: str

    @classmethod
    def draw(cls, name: str) -> _S3Key:
        return cls(name, secrets.token_hex(10), secrets.token_hex(20))

    def identity(self, actions: list[str]) -> dict[str, object]:
        credential = {"accessKey": self.access_key, "secretKey": self.secret_key}
        return {"name": self.name, "credentials": [credential], "actions": actions}

    def as_file(self) -> str:
        return (
            f"[default]\naws_access_key_id = {self.access_key}\naws_secret_access_key = {self.secret_key}\n"
        )


def _password() -> str:
    # Letters and digits only: it stands in URLs and in configuration files.
    return secrets.token_hex(24)


def _signing_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        .decode()
    )


def _write(path: Path, content: str) -> None:
    """Replace a file in one step."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content if content.endswith("\n") else f"{content}\n")
    draft.replace(path)
