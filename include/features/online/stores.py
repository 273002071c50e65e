"""Where states are kept: SQLite by default, or a server that speaks Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from include.errors import ConfigurationError
from include.features.online.state import Head, Seen, SideLook, SideRow, State
from include.settings import Settings

_FORMS = "sqlite:///path/online.db, redis://host:6379/0 or rediss://host:6379/0"


class OnlineStore(Protocol):
    """Keeps one state per space, a use case's version of features.

    All methods raise `Outage` when the store does not answer.
    """

    def head(self, space: str) -> Head | None:
        """Return what the state is, or None when there is none."""

    def look(self, space: str, keys: Sequence[str], sides: Sequence[SideLook]) -> Seen:
        """Answer all questions from one and the same state."""

    def switch(self, space: str, state: State) -> Head:
        """Put a state in the place of the old one in one step; return the head that holds afterwards.

        A newer as-of is never replaced by an older one, and the same state is not written again. Rows of a
        side that were pushed after `State.settled` stay.
        """

    def put_side_rows(self, space: str, rows: Sequence[SideRow]) -> None:
        """Add rows to the state; a row of the same side, entity and time is replaced."""

    def close(self) -> None:
        """Give connections back."""


def open_online_store(settings: Settings) -> OnlineStore:
    """Open the store that the settings name.

    Raises:
        ConfigurationError: the address is of another kind.
    """
    url = settings.online_store
    kind = url.partition("://")[0]
    if kind == "sqlite" and url.startswith("sqlite:///"):
        from include.features.online.sqlite_store import SqliteStore

        return SqliteStore(url.removeprefix("sqlite:///"))
    if kind in {"redis", "rediss"}:
        from include.features.online.redis_store import RedisStore

        return RedisStore(url)
    # The address may hold a password, so only its beginning is shown.
    raise ConfigurationError(f"AIRLOCK_ONLINE_STORE_URL begins with {kind[:20]!r}; write {_FORMS}")


def replaces(new: Head, old: Head | None) -> bool:
    """Say whether a state takes the place of another: not an older one, and not the same again."""
    return old is None or ((new.as_of, new.digest) != (old.as_of, old.digest) and new.as_of >= old.as_of)
