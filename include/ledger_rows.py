"""The ledger's tables, and what makes a row of it sound."""

from __future__ import annotations

import json

import sqlalchemy as sa

from include.decisions import Decision, fingerprint_of
from include.errors import LedgerCorrupted
from include.hashing import digest_bytes

metadata = sa.MetaData()
decisions_table = sa.Table(
    "decisions",
    metadata,
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("id", sa.String(32), nullable=False, unique=True),
    sa.Column("use_case", sa.String(128), nullable=False),
    sa.Column("gate", sa.String(64), nullable=False),
    sa.Column("partition", sa.String(10)),
    sa.Column("as_of", sa.String(10), nullable=False),
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.String(32), nullable=False),
    sa.Column("previous_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index("ix_decisions_subject", "use_case", "gate", "partition", "as_of"),
)
# Rules by the hash that stands in their decisions. Not chained: the chain holds the hash.
policies_table = sa.Table(
    "policies",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
)
for _change in ("UPDATE", "DELETE"):
    sa.event.listen(
        metadata,
        "after_create",
        sa.DDL(  # type: ignore[no-untyped-call]
            f"CREATE TRIGGER IF NOT EXISTS decisions_no_{_change.lower()} BEFORE {_change} ON decisions "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        ).execute_if(dialect="sqlite"),
    )


def check_row(row: sa.Row[tuple[object, ...]], *, sequence: int, previous: str) -> None:
    """Hold that a row follows the one before it and is as it was written.

    Raises:
        LedgerCorrupted: it was changed, inserted or moved.
    """
    sound = (
        row.sequence == sequence
        and row.previous_hash == previous
        and row.hash == row_hash(previous, row.payload, row.recorded_at)
        and _columns_repeat_the_payload(row)
    )
    if not sound:
        raise LedgerCorrupted(
            f"The ledger was changed at decision {row.sequence} ({row.id}): its hash does not fit. Every "
            "decision from here on is unproven; restore the ledger from a backup and compare"
        )


def _columns_repeat_the_payload(row: sa.Row[tuple[object, ...]]) -> bool:
    # Not through `Decision`: its fields may change with a release, and old rows must still verify.
    content = json.loads(row.payload)
    repeated = ("id", "use_case", "gate", "partition", "as_of", "verdict")
    same = all(getattr(row, name) == content[name] for name in repeated)
    return same and row.fingerprint == fingerprint_of(content)


def row_hash(previous: str, payload: str, recorded_at: str) -> str:
    """Return what chains a row to the one before it."""
    return digest_bytes(f"{previous}\n{recorded_at}\n{payload}".encode())


def decision_of(row: sa.Row[tuple[object, ...]]) -> Decision:
    """Return the decision of a row.

    Raises:
        LedgerCorrupted: its content cannot be read.
    """
    try:
        return Decision.model_validate(json.loads(row.payload))
    except ValueError as error:
        raise LedgerCorrupted(
            f"Decision {row.sequence} ({row.id}) of the ledger cannot be read: {error}. Run: ./airlock verify"
        ) from error
