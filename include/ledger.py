"""The append-only, hash-chained record of all decisions.

One table, one row a decision. A row's hash covers the hash of the row before, so a changed, removed or
reordered row breaks every later hash. The chain alone cannot show that its newest rows were cut off: keep the
head that `airlock verify` prints in another place and pass it to the next `verify`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from include.decisions import Decision, Verdict
from include.disks import full_disk
from include.errors import ConfigurationError, LedgerCorrupted, NotFound, Outage
from include.hashing import canonical_json, digest, digest_bytes
from include.ledger_database import lock, open_engine
from include.ledger_rows import check_row, decision_of, decisions_table, policies_table, row_hash

GENESIS = "0" * 64


class Ledger:
    """Appends and reads decisions.

    Args:
        url: SQLAlchemy address of the database; the table is made on first use.
    """

    def __init__(self, url: str) -> None:
        # Told of each decision after it is recorded, not of one that stood there already.
        self.on_record: Callable[[Decision], None] | None = None
        try:
            self._url = make_url(url)
        except sa.exc.ArgumentError as error:
            # The text may hold a password, so it is not repeated here.
            raise ConfigurationError(f"AIRLOCK_LEDGER_URL is no SQLAlchemy address: {error}") from error

    @cached_property
    def _engine(self) -> sa.Engine:
        return open_engine(self._url)

    @contextmanager
    def _connection(self, *, writes: bool = False) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect().execution_options(writes=writes) as connection, connection.begin():
                yield connection
        except OSError as error:
            raise self._outage(error) from error
        except sa.exc.DBAPIError as error:
            # Where a server goes away, PostgreSQL's driver does not always say so by the kind of its error.
            if isinstance(error, sa.exc.OperationalError) or error.connection_invalidated:
                raise self._outage(error) from error
            if not isinstance(error, sa.exc.DatabaseError):
                raise
            raise LedgerCorrupted(
                f"The ledger at {self._url!r} cannot be read: {error.orig}. Restore it from a backup"
            ) from error

    def _outage(self, error: Exception) -> Outage:
        reason = getattr(error, "orig", error)
        told = full_disk(repr(self._url), error)
        return told or Outage(f"The ledger at {self._url!r} does not answer: {reason}")

    def append(self, decision: Decision) -> Decision:
        """Record a decision and return it with its id.

        Recording the same ruling on the same evidence again is not a new fact: when the newest decision about
        this subject has the same fingerprint, that one is returned and nothing is written.
        """
        return self.append_all([decision])[0]

    def append_all(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Record decisions in their order and in one transaction, each as `append` would."""
        with self._connection(writes=True) as connection:
            lock(connection)
            found = [_append(connection, decision) for decision in decisions]
        for decision, new in found:
            if new and self.on_record is not None:
                self.on_record(decision)
        return [decision for decision, _ in found]

    def append_if_newest(
        self, decision: Decision, *, of: Sequence[str], newest: str | None
    ) -> Decision | None:
        """Record a decision that rests on the newest one of some gates about its use case.

        Args:
            decision: what to record, as `append` would.
            of: those gates.
            newest: id of the decision that it rests on; None where there was none.

        Returns:
            The recorded decision, or None when a newer one was recorded meanwhile: nothing is written then.
        """
        query = _newest_query(decision.use_case, of)
        with self._connection(writes=True) as connection:
            lock(connection)
            if connection.scalar(query) != newest:
                return None
            recorded, new = _append(connection, decision)
        if new and self.on_record is not None:
            self.on_record(recorded)
        return recorded

    def newest_id(self, use_case: str, gates: Sequence[str]) -> str | None:
        """Return the id of the newest decision of some gates, of any verdict; None where there is none."""
        with self._connection() as connection:
            found: str | None = connection.scalar(_newest_query(use_case, gates))
        return found

    def get(self, decision_id: str) -> Decision:
        """Return one decision by its id or by an unambiguous beginning of it."""
        query = (
            decisions_table.select()
            .where(decisions_table.c.id.startswith(decision_id, autoescape=True))
            .limit(2)
        )
        with self._connection() as connection:
            rows = connection.execute(query).all()
        if len(rows) != 1:
            found = "no decision" if not rows else "more than one decision"
            raise NotFound(
                f"The ledger holds {found} with id {decision_id!r}; list them with: ./airlock decisions"
            )
        return decision_of(rows[0])

    def find(
        self,
        *,
        use_case: str | None = None,
        gate: str | Sequence[str] | None = None,
        partition: str | None = None,
        verdict: Verdict | None = None,
        since: str | None = None,
        as_of_since: str | None = None,
        limit: int | None = None,
    ) -> list[Decision]:
        """Return the decisions that match, newest first; of several gates, those of any.

        With `since` those about this partition or later ones, with `as_of_since` those of this data time or
        later.
        """
        query = decisions_table.select().order_by(decisions_table.c.sequence.desc()).limit(limit)
        wanted = {"use_case": use_case, "partition": partition, "verdict": verdict}
        for column, value in wanted.items():
            if value is not None:
                query = query.where(decisions_table.c[column] == str(value))
        if gate is not None:
            query = query.where(decisions_table.c.gate.in_([gate] if isinstance(gate, str) else gate))
        if since is not None:
            query = query.where(decisions_table.c.partition >= since)
        if as_of_since is not None:
            query = query.where(decisions_table.c.as_of >= as_of_since)
        with self._connection() as connection:
            return [decision_of(row) for row in connection.execute(query)]

    def policy(self, policy_hash: str) -> Any:
        """Return the rules that a decision was made under, or None where they were not kept.

        Raises:
            LedgerCorrupted: what is kept does not have this hash.
        """
        query = sa.select(policies_table.c.content).where(policies_table.c.hash == policy_hash)
        with self._connection() as connection:
            content = connection.execute(query).scalar_one_or_none()
        if content is None:
            return None
        if digest_bytes(content.encode()) != policy_hash:
            raise LedgerCorrupted(
                f"The rules kept under {policy_hash[:16]}… have another hash: they were changed"
            )
        return json.loads(content)

    def newest_by_partition(
        self, use_case: str, gate: str, *, since: str | None = None
    ) -> dict[str, Decision]:
        """Return the newest decision of a gate about each partition, ordered by partition.

        With `since` only that partition and later ones are read, so that a question about the last days costs
        the same however long the history is.
        """
        newest: dict[str, Decision] = {}
        for decision in self.find(use_case=use_case, gate=gate, since=since):
            if decision.partition is not None:
                newest.setdefault(decision.partition, decision)
        return dict(sorted(newest.items()))

    def verify(self, *, head: str | None = None) -> tuple[int, str]:
        """Walk the chain; return the number of decisions and the hash of the newest.

        Args:
            head: a hash printed by an earlier verification, which must still be part of the chain.

        Raises:
            LedgerCorrupted: a row was changed, removed, inserted or reordered, or the head is gone.
        """
        previous, count, seen_head = GENESIS, 0, head in {None, GENESIS}
        with self._connection() as connection:
            for row in connection.execute(decisions_table.select().order_by(decisions_table.c.sequence)):
                count += 1
                check_row(row, sequence=count, previous=previous)
                previous = row.hash
                seen_head = seen_head or previous == head
        if not seen_head:
            raise LedgerCorrupted(
                f"The chain of {count} decisions does not hold the head {head}: newer decisions were cut "
                "off. Restore the ledger from a backup"
            )
        return count, previous


def _append(connection: sa.Connection, decision: Decision) -> tuple[Decision, bool]:
    """Return the decision as it is recorded, and whether it was not there before."""
    newest = connection.execute(_about(decision).limit(1)).one_or_none()
    if newest is not None and newest.fingerprint == decision.fingerprint:
        return decision_of(newest), False
    head = connection.execute(_head_query()).one_or_none()
    previous = head.hash if head is not None else GENESIS
    recorded = decision.model_copy(update={"id": digest([previous, decision.fingerprint])[:32]})
    payload = canonical_json(recorded)
    recorded_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    _keep_policy(connection, decision)
    connection.execute(
        decisions_table.insert().values(
            sequence=head.sequence + 1 if head is not None else 1,
            **{name: getattr(recorded, name) for name in ("id", "use_case", "gate", "partition", "as_of")},
            verdict=recorded.verdict.value,
            fingerprint=recorded.fingerprint,
            payload=payload,
            recorded_at=recorded_at,
            previous_hash=previous,
            hash=row_hash(previous, payload, recorded_at),
        )
    )
    return recorded, True


def _keep_policy(connection: sa.Connection, decision: Decision) -> None:
    """Keep the rules of a decision once, in the same transaction."""
    if not decision.policy_content:
        return
    known = sa.select(policies_table.c.hash).where(policies_table.c.hash == decision.policy_hash)
    if connection.execute(known).one_or_none() is None:
        connection.execute(
            policies_table.insert().values(hash=decision.policy_hash, content=decision.policy_content)
        )


def _about(decision: Decision) -> sa.Select[tuple[object, ...]]:
    """Select earlier decisions on the same subject, newest first."""
    query = decisions_table.select().order_by(decisions_table.c.sequence.desc())
    for name in ("use_case", "gate", "partition", "as_of"):
        query = query.where(decisions_table.c[name].is_not_distinct_from(getattr(decision, name)))
    return query


def _newest_query(use_case: str, gates: Sequence[str]) -> sa.Select[Any]:
    table = decisions_table.c
    about = sa.select(table.id).where(table.use_case == use_case, table.gate.in_(gates))
    return about.order_by(table.sequence.desc()).limit(1)


def _head_query() -> sa.Select[tuple[object, ...]]:
    return decisions_table.select().order_by(decisions_table.c.sequence.desc()).limit(1)
