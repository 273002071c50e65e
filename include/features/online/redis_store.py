"""States on a server that speaks Redis.

A state's values are one hash under a name of their own, and the head names it. A reader asks for head and
values in one transaction under the name that it saw last, and asks again when the head names another.

::

    airlock:{<space>}:head                   JSON: the head, and the name of the hash with the values
    airlock:{<space>}:values:<name>          hash: entry key -> JSON
    airlock:{<space>}:side:<side><entity>    sorted set by time: "<time> <JSON>"
    airlock:{<space>}:sides                  set of "<side><entity>" by which sorted sets are found again
    airlock:{<space>}:newest                 sorted set: side by the time of its newest row
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from include.errors import Outage
from include.features.online.state import Head, Seen, SideLook, SideRow, State
from include.features.online.stores import replaces

_TIMEOUT_SECONDS = 5
_CHUNK = 5000
_ABANDONED_SECONDS = 24 * 3600  # then values of a writer that was killed half-way are gone
_NONE = "none"


class RedisStore:
    """States that many machines share.

    Args:
        url: address of the server, which may hold a password: it is never shown.
    """

    def __init__(self, url: str) -> None:
        import redis

        # The client types its answers for all ways of decoding them at once, which is no help here.
        self._client: Any = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
        )
        self._known: dict[str, tuple[str | None, Head | None, str]] = {}

    def head(self, space: str) -> Head | None:
        with _outages():
            return self._parsed(space, self._client.get(_key(space, "head")))[0]

    def look(self, space: str, keys: Sequence[str], sides: Sequence[SideLook]) -> Seen:
        while True:
            name = self._known.get(space, (None, None, _NONE))[2]
            with _outages(), self._client.pipeline(transaction=True) as pipe:
                pipe.get(_key(space, "head"))
                if keys:
                    pipe.hmget(_key(space, "values", name), list(keys))
                for look in sides:
                    key = _key(space, "side", look.side + look.entity)
                    pipe.zrange(key, look.last, look.first, desc=True, byscore=True, offset=0, num=1)
                if sides:
                    pipe.zmscore(_key(space, "newest"), [look.side for look in sides])
                text, *found = pipe.execute()
            head, current = self._parsed(space, text)
            if current == name or not keys:
                break
        entries = found.pop(0) if keys else []
        newest = found.pop() if sides else []
        return Seen(
            head=head,
            entries=entries,
            sides=[rows[0].partition(" ")[2] if rows else None for rows in found],
            newest=[None if at is None else int(at) for at in newest],
        )

    def switch(self, space: str, state: State) -> Head:
        from redis.exceptions import WatchError

        name = secrets.token_hex(8)
        while True:
            with _outages(), self._client.pipeline(transaction=True) as pipe:
                pipe.watch(_key(space, "head"))
                old, old_name = self._parsed(space, pipe.get(_key(space, "head")))
                if old is not None and not replaces(state.head, old):
                    self._client.unlink(_key(space, "values", name))
                    return old
                self._write_values(_key(space, "values", name), state)
                present = self._client.smembers(_key(space, "sides"))
                pipe.multi()
                pipe.set(_key(space, "head"), json.dumps([name, state.head.model_dump(mode="json")]))
                pipe.persist(_key(space, "values", name))
                pipe.unlink(_key(space, "values", old_name))
                for member in sorted(present):
                    _cut(pipe, space, member, state.settled, below=False)
                _insert(pipe, space, state.side_rows)
                for member in sorted(present):
                    _cut(pipe, space, member, state.needed, below=True)
                try:
                    pipe.execute()
                except WatchError:
                    continue  # another writer was faster; is this state still the newer one?
                return state.head

    def _write_values(self, key: str, state: State) -> None:
        """Write the values where no reader looks yet."""
        entries = iter(state.entries.items())
        while chunk := dict(islice(entries, _CHUNK)):
            with self._client.pipeline(transaction=True) as pipe:
                pipe.hset(key, mapping=chunk)
                pipe.expire(key, _ABANDONED_SECONDS)
                pipe.execute()

    def put_side_rows(self, space: str, rows: Sequence[SideRow]) -> None:
        with _outages(), self._client.pipeline(transaction=True) as pipe:
            _insert(pipe, space, rows)
            pipe.execute()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _parsed(self, space: str, text: str | None) -> tuple[Head | None, str]:
        known = self._known.get(space)
        if known is None or known[0] != text:
            name, content = (_NONE, None) if text is None else json.loads(text)
            head = None if content is None else Head.model_validate_json(json.dumps(content))
            known = self._known[space] = (text, head, name)
        return known[1], known[2]


def _key(space: str, *parts: str) -> str:
    # The braces keep all keys of a space on one node of a cluster.
    return ":".join([f"airlock:{{{space}}}", *parts])


def _cut(pipe: Any, space: str, member: str, limits: Any, *, below: bool) -> None:
    """Remove rows of a side's entity up to the side's limit, or those before it."""
    for side, limit in limits.items():
        if member.startswith(side):
            last = f"({limit}" if below else limit
            pipe.zremrangebyscore(_key(space, "side", member), "-inf", last)


def _insert(pipe: Any, space: str, rows: Sequence[SideRow]) -> None:
    latest: dict[str, int] = {}
    for row in rows:
        key = _key(space, "side", row.side + row.entity)
        pipe.zremrangebyscore(key, row.at, row.at)
        pipe.zadd(key, {f"{row.at} {row.values}": row.at})
        latest[row.side] = max(row.at, latest.get(row.side, row.at))
    if rows:
        pipe.sadd(_key(space, "sides"), *{row.side + row.entity for row in rows})
        pipe.zadd(_key(space, "newest"), latest, gt=True)


@contextmanager
def _outages() -> Iterator[None]:
    from redis.exceptions import RedisError

    try:
        yield
    except RedisError as error:
        raise Outage(
            f"The online store (AIRLOCK_ONLINE_STORE_URL) does not answer: {type(error).__name__}: {error}. "
            "Start the server or correct the address, then repeat"
        ) from error
