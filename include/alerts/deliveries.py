"""Which notice has reached which channel: beside the ledger, because it is no decision and changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from include.errors import Outage

_metadata = sa.MetaData()
_deliveries = sa.Table(
    "alert_deliveries",
    _metadata,
    sa.Column("notice_id", sa.String(32), primary_key=True),
    sa.Column("channel", sa.String(32), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)
# A process that was killed while it sent gives its notice free again.
_STUCK = timedelta(minutes=10)


class Deliveries:
    """Remembers what was sent.

    The clock of the machine is read here: whether a sender died is a question about the running system.

    Args:
        url: SQLAlchemy address of the ledger's database.
    """

    def __init__(self, url: str) -> None:
        self._url = make_url(url)

    @cached_property
    def _engine(self) -> sa.Engine:
        sqlite = self._url.get_backend_name() == "sqlite"
        if sqlite and self._url.database:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(
            self._url, poolclass=sa.NullPool, connect_args={"timeout": 60} if sqlite else {}
        )
        with engine.begin() as connection:
            _metadata.create_all(connection)
        return engine

    def done(self) -> set[tuple[str, str]]:
        """Return the notices that were sent, with their channels."""
        query = sa.select(_deliveries.c.notice_id, _deliveries.c.channel).where(_deliveries.c.state == "sent")
        try:
            with self._engine.connect() as connection:
                return {(row.notice_id, row.channel) for row in connection.execute(query)}
        except sa.exc.OperationalError as error:
            raise _outage(error) from error

    @contextmanager
    def once(self, notice_id: str, channel: str) -> Iterator[bool]:
        """Yield whether the block may send; leaving it well marks the notice as sent, an error frees it.

        Two senders at the same moment never both get it. One that is killed while it sends leaves its claim,
        which lapses after ten minutes: the notice may then arrive twice, under the same id.
        """
        if not self._claimed(notice_id, channel):
            yield False
            return
        try:
            yield True
        except BaseException:
            self._change(_deliveries.delete().where(*_one(notice_id, channel)))
            raise
        self._change(_deliveries.update().where(*_one(notice_id, channel)).values(state="sent", at=_now()))

    def _claimed(self, notice_id: str, channel: str) -> bool:
        lapsed = (datetime.now(UTC) - _STUCK).isoformat(timespec="milliseconds")
        stuck = [*_one(notice_id, channel), _deliveries.c.state == "sending", _deliveries.c.at < lapsed]
        try:
            with self._engine.begin() as connection:
                connection.execute(_deliveries.delete().where(*stuck))
                row = {"notice_id": notice_id, "channel": channel, "state": "sending", "at": _now()}
                connection.execute(_deliveries.insert().values(**row))
        except sa.exc.IntegrityError:
            return False
        except sa.exc.OperationalError as error:
            raise _outage(error) from error
        return True

    def _change(self, statement: sa.Delete | sa.Update) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(statement)
        except sa.exc.OperationalError as error:
            raise _outage(error) from error


def _one(notice_id: str, channel: str) -> list[sa.ColumnElement[bool]]:
    return [_deliveries.c.notice_id == notice_id, _deliveries.c.channel == channel]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _outage(error: sa.exc.OperationalError) -> Outage:
    return Outage(f"The ledger's database does not answer: {error.orig}; the alert is sent at the next run")
