"""Keys and passwords of one installation: drawn once, kept in files that only their owner can read."""

from __future__ import annotations

import base64
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from include.errors import ConfigurationError
from include.settings import Settings

_OWNER_ONLY = 0o600
ROLES = ("viewer", "user", "op", "admin")


@dataclass(frozen=True, slots=True)
class Keys:
    """What Airflow's processes share: they sign each other's requests and encrypt connections with it."""

    jwt_secret: str = field(repr=False)
    api_secret: str = field(repr=False)
    fernet_key: str = field(repr=False)

    @classmethod
    def draw(cls) -> Keys:
        fernet_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        return cls(secrets.token_urlsafe(48), secrets.token_urlsafe(48), fernet_key)


def keys_of(home: Path, keys_file: str = "") -> Keys:
    """Return the keys of a home folder, drawing them the first time, or those of a file that somebody named.

    Raises:
        ConfigurationError: the file does not hold them.
    """
    if keys_file:
        return _named_keys(Path(keys_file))
    path = _folder(home) / "keys.json"
    if path.exists():
        return Keys(**_read(path))
    keys = Keys.draw()
    _write(path, asdict(keys))
    return keys


def _named_keys(path: Path) -> Keys:
    try:
        return Keys(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"AIRLOCK_KEYS_FILE names {path}, which does not hold the keys of Airflow's processes"
            f" ({type(error).__name__}). Draw them with: ./airlock secrets FOLDER"
        ) from None


def passwords_file(home: Path) -> Path:
    """The file in which Airflow's SimpleAuthManager looks passwords up."""
    return _folder(home) / "passwords.json"


def password_of(settings: Settings) -> str:
    """Return the password of the Airflow user, after making sure that Airflow knows it.

    A password in the settings wins; without one, the password that was drawn the first time stays.
    """
    path = passwords_file(settings.home)
    passwords = _read(path) if path.exists() else {}
    known = passwords.get(settings.airflow_user, "")
    wanted = settings.airflow_password.get_secret_value() or known or secrets.token_urlsafe(12)
    if wanted != known:
        _write(path, {**passwords, settings.airflow_user: wanted})
    return wanted


def users_of(settings: Settings) -> dict[str, str]:
    """Return the role of each user of Airflow: the admin, and those whom the setting names.

    Raises:
        ConfigurationError: one is not written as name:role.
    """
    users = {settings.airflow_user: "admin"}
    for part in filter(None, (part.strip() for part in settings.airflow_users.split(","))):
        name, _, role = part.partition(":")
        if not name or role not in ROLES or name in users:
            raise ConfigurationError(
                f"AIRLOCK_AIRFLOW_USERS has {part!r}: write name:role, each name once, roles are "
                f"{', '.join(ROLES)}"
            )
        users[name] = role
    return users


def make_passwords(settings: Settings, users: Mapping[str, str]) -> None:
    """Make sure that each user has a password in the file that Airflow reads; those that are known stay."""
    password_of(settings)
    path = passwords_file(settings.home)
    known = _read(path)
    drawn = {name: secrets.token_urlsafe(12) for name in users if name not in known}
    if drawn:
        _write(path, {**known, **drawn})


def _folder(home: Path) -> Path:
    folder = home / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _read(path: Path) -> dict[str, str]:
    path.chmod(_OWNER_ONLY)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigurationError(
            f"{path} is not JSON: {error}. Delete it, and new ones are drawn."
        ) from error
    return {str(name): str(value) for name, value in content.items()}


def _write(path: Path, content: dict[str, str]) -> None:
    """Replace the file at once, so that nobody reads half of it. `mkstemp` makes it for its owner only."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
    Path(name).replace(path)
