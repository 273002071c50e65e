"""The ledger, on real SQLite: one whole chain, whatever is tried with it."""

import contextlib
import re
import sqlite3
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from include.decisions import Ruling, Subject, Verdict, decide, fingerprint_of
from include.errors import ConfigurationError, LedgerCorrupted, NotFound, Outage
from include.hashing import canonical_json
from include.ledger import GENESIS, Ledger
from include.ledger_rows import decisions_table, row_hash

COLUMNS = [column.name for column in decisions_table.columns]
PROCESSES, EACH = 8, 12


def decision(
    number=0, *, use_case="uc", gate="ingestion", partition="2013-01-07", verdict=Verdict.PASS, **ev
):
    return decide(
        gate=gate,
        subject=Subject(use_case=use_case, partition=partition, as_of="2013-01-08"),
        ruling=Ruling(verdict=verdict, reasons=["because"], rule="none"),
        evidence={"number": number, **ev},
        policy={},
        data_refs=[],
    )


@pytest.fixture
def file(tmp_path):
    return tmp_path / "deep" / "ledger.db"


@pytest.fixture
def ledger(file):
    return Ledger(f"sqlite:///{file}")


@pytest.fixture
def five(ledger):
    for number in range(5):
        ledger.append(decision(number))
    return ledger


def tamper(file, *statements):
    """Change the file as somebody could who knows SQLite: without the triggers."""
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TRIGGER decisions_no_update")
        connection.execute("DROP TRIGGER decisions_no_delete")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_decision_is_read_back_as_it_was_recorded(ledger):
    recorded = ledger.append(decision(1, nested={"é": [1.5, None, True]}))
    assert recorded.model_copy(update={"id": ""}) == decision(1, nested={"é": [1.5, None, True]})
    assert len(recorded.id) == 32
    assert ledger.get(recorded.id) == recorded
    assert ledger.find() == [recorded]


def test_each_row_holds_the_hash_of_the_one_before(five, file):
    with sqlite3.connect(file) as connection:
        rows = connection.execute("SELECT sequence, previous_hash, hash FROM decisions ORDER BY 1").fetchall()
    connection.close()
    assert [sequence for sequence, *_ in rows] == [1, 2, 3, 4, 5]
    assert rows[0][1] == GENESIS
    assert [row[1] for row in rows[1:]] == [row[2] for row in rows[:-1]]
    assert five.verify() == (5, rows[-1][2])


def test_a_repeat_appends_nothing(ledger):
    first = ledger.append(decision(1))
    before = ledger.verify()
    again = decision(1).model_copy(update={"actor": "backfill", "code_version": "later"})
    assert ledger.append(again) == first
    assert ledger.verify() == before


def test_a_repeat_is_one_about_the_same_subject_only(ledger):
    subjects = [
        {},
        {"gate": "features"},
        {"partition": "2013-01-09"},
        {"partition": None},
        {"use_case": "other"},
    ]
    ids = [ledger.append(decision(**subject)).id for subject in subjects]
    assert [ledger.append(decision(**subject)).id for subject in subjects] == ids
    assert ledger.verify()[0] == len(set(ids)) == 5


def test_a_ruling_that_comes_back_is_a_new_fact(ledger):
    one, other, back = (ledger.append(decision(number)) for number in (1, 2, 1))
    assert len({one.id, other.id, back.id}) == 3
    assert ledger.append(decision(1)) == back
    assert [found.evidence["number"] for found in ledger.find()] == [1, 2, 1]
    assert ledger.verify()[0] == 3


def test_a_decision_that_rests_on_another_is_recorded_only_while_that_is_the_newest(ledger):
    gates = ("promotion", "rollback")
    assert ledger.newest_id("uc", gates) is None
    first = ledger.append_if_newest(decision(1, gate="promotion"), of=gates, newest=None)
    ledger.append(decision(2, gate="promotion", use_case="other"))
    ledger.append(decision(3, gate="ingestion"))
    assert ledger.newest_id("uc", gates) == first.id
    assert ledger.append_if_newest(decision(4, gate="rollback"), of=gates, newest=None) is None
    second = ledger.append_if_newest(decision(4, gate="rollback"), of=gates, newest=first.id)
    assert ledger.append_if_newest(decision(5, gate="promotion"), of=gates, newest=first.id) is None
    assert [found.id for found in ledger.find(use_case="uc", gate=gates)] == [second.id, first.id]
    assert ledger.verify()[0] == 4


@given(st.lists(st.integers(0, 2), max_size=10))
@examples(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_ledger_holds_the_changes_and_nothing_else(tmp_path_factory, numbers):
    ledger = Ledger(f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db")
    for number in numbers:
        ledger.append(decision(number))
    changes = numbers[:1] + [new for old, new in pairwise(numbers) if new != old]
    assert [found.evidence["number"] for found in ledger.find()] == changes[::-1]
    assert ledger.verify()[0] == len(changes)


@pytest.mark.parametrize("change", ["UPDATE decisions SET gate = 'x'", "DELETE FROM decisions"])
def test_the_database_itself_refuses_changes(five, file, change):
    before = five.verify()
    with sqlite3.connect(file) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(change)
    connection.close()
    assert five.verify() == before


UPDATE = "UPDATE decisions SET {column} = {value} WHERE sequence = {at}"
TAMPERED = {"sequence": "33", "payload": "replace(payload, 'because', 'whatever')"}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_column_is_noticed_and_named(five, file, column):
    fourth, third = five.find()[1:3]
    value = TAMPERED.get(column, f"'x' || substr({column}, 2)")
    tamper(file, UPDATE.format(column=column, value=value, at=3))
    # A row that moved away is missed at the next one.
    named = {"sequence": f"4 ({fourth.id})", "id": f"3 (x{third.id[1:]})"}.get(column, f"3 ({third.id})")
    with pytest.raises(LedgerCorrupted, match=re.escape(f"changed at decision {named}")):
        five.verify()


@pytest.mark.parametrize("payload", ["'{'", "''", "'[]'", "'null'", "x'00ff'"])
def test_a_payload_that_is_no_decision_is_noticed(five, file, payload):
    tamper(file, UPDATE.format(column="payload", value=payload, at=2))
    with pytest.raises(LedgerCorrupted, match="changed at decision 2 "):
        five.verify()
    with pytest.raises(LedgerCorrupted, match=r"Decision 2 .* cannot be read"):
        five.find()


INSERT = (
    "INSERT INTO decisions SELECT {new}, 'forged', use_case, gate, partition, as_of, verdict, fingerprint, "
)
INSERT += "payload, recorded_at, previous_hash, hash FROM decisions WHERE sequence = {old}"
SHIFT = "UPDATE decisions SET sequence = sequence + {by} WHERE sequence > {after}"


@pytest.mark.parametrize(
    ("statements", "at"),
    [
        (["DELETE FROM decisions WHERE sequence = 1"], 2),
        (["DELETE FROM decisions WHERE sequence = 3"], 4),
        (["DELETE FROM decisions WHERE sequence = 3", SHIFT.format(by="-1", after=3)], 3),
        ([INSERT.format(new=6, old=5)], 6),
        (
            [SHIFT.format(by="100", after=2), INSERT.format(new=3, old=2), SHIFT.format(by="-99", after=100)],
            3,
        ),
        (
            [
                "UPDATE decisions SET sequence = 99 WHERE sequence = 2",
                "UPDATE decisions SET sequence = 2 WHERE sequence = 3",
                "UPDATE decisions SET sequence = 3 WHERE sequence = 99",
            ],
            2,
        ),
    ],
    ids=["first removed", "one removed", "removed and closed up", "appended", "put between", "exchanged"],
)
def test_rows_removed_added_or_exchanged_are_noticed(five, file, statements, at):
    tamper(file, *statements)
    with pytest.raises(LedgerCorrupted, match=f"changed at decision {at} "):
        five.verify()


def rewrite(file, *, sequences):
    """Change decision 3 and make its hash fit, and that of these later rows too."""
    with sqlite3.connect(file) as connection:
        rows = "SELECT previous_hash, payload, recorded_at FROM decisions WHERE sequence = ?"
        previous, payload, at = connection.execute(rows, [3]).fetchone()
        payload = payload.replace('"code_version":"', '"code_version":"forged-')
        previous = row_hash(previous, payload, at)
        change = "UPDATE decisions SET payload = ?, hash = ? WHERE sequence = 3"
        connection.execute(change, [payload, previous])
        connection.execute("UPDATE decisions SET previous_hash = ? WHERE sequence = 4", [previous])
        for sequence in sequences:
            _, payload, at = connection.execute(rows, [sequence]).fetchone()
            change = "UPDATE decisions SET previous_hash = ?, hash = ? WHERE sequence = ?"
            connection.execute(change, [previous, row_hash(previous, payload, at), sequence])
            previous = row_hash(previous, payload, at)
    connection.close()


@pytest.mark.parametrize(("sequences", "at"), [([], 4), ([4], 5)])
def test_a_forger_has_to_forge_everything_that_follows(five, file, sequences, at):
    tamper(file)
    rewrite(file, sequences=sequences)
    with pytest.raises(LedgerCorrupted, match=f"changed at decision {at} "):
        five.verify()


def test_and_is_then_noticed_by_whoever_kept_the_head(five, file):
    _, head = five.verify()
    tamper(file)
    rewrite(file, sequences=[4, 5])
    assert five.verify()[0] == 5
    with pytest.raises(LedgerCorrupted, match="does not hold the head"):
        five.verify(head=head)


def test_cutting_off_the_newest_is_noticed_by_whoever_kept_the_head(five, file):
    _, old_head = five.verify()
    five.append(decision(6))
    count, head = five.verify(head=old_head)
    assert (count, five.verify(head=GENESIS)) == (6, (6, head))
    tamper(file, "DELETE FROM decisions WHERE sequence = 6")
    assert five.verify(head=old_head) == (5, old_head)
    with pytest.raises(LedgerCorrupted, match=f"does not hold the head {head}: newer decisions were cut off"):
        five.verify(head=head)


def test_a_decision_of_another_release_still_verifies(five, file):
    """Fields come and go with releases; the chain is about what was written."""
    content = decision(9).model_dump(mode="json") | {"id": "f" * 32, "field_of_later": 1}
    del content["mode"]
    payload, now, head = canonical_json(content), "2030-01-01T00:00:00.000+00:00", five.verify()[1]
    values = [
        6,
        content["id"],
        "uc",
        "ingestion",
        "2013-01-07",
        "2013-01-08",
        "pass",
        fingerprint_of(content),
    ]
    values += [payload, now, head, row_hash(head, payload, now)]
    with sqlite3.connect(file) as connection:
        connection.execute("INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    connection.close()
    assert five.verify()[0] == 6


def test_an_empty_ledger_is_whole(ledger):
    assert ledger.verify() == (0, GENESIS)
    assert ledger.find() == []
    assert ledger.newest_by_partition("uc", "ingestion") == {}


def append_many(url, first):
    ledger = Ledger(url)
    for number in range(first, first + EACH):
        ledger.append(decision(number, partition=None))


def test_processes_that_append_at_once_make_one_whole_chain(victims, file):
    """The ledger does not exist yet when they begin."""
    url = f"sqlite:///{file}"
    victims.side_by_side(*[(append_many, url, EACH * number) for number in range(PROCESSES)])
    assert Ledger(url).verify()[0] == PROCESSES * EACH
    numbers = sorted(found.evidence["number"] for found in Ledger(url).find())
    assert numbers == list(range(PROCESSES * EACH))


@pytest.mark.parametrize("known", [True, False], ids=["open already", "opened now"])
def test_readers_do_not_wait_for_a_writer(five, file, known):
    reader = five if known else Ledger(f"sqlite:///{file}")
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert reader.verify()[0] == len(reader.find()) == 5
        writer.execute("ROLLBACK")


def test_a_decision_is_found_by_the_beginning_of_its_id(five):
    wanted = five.find()[2]
    assert five.get(wanted.id[:12]) == wanted
    for wrong, said in (
        ("", "more than one"),
        ("zz", "no decision"),
        ("%", "no decision"),
        ("_" * 32, "no dec"),
    ):
        with pytest.raises(NotFound, match=f"{said}.*list them with"):
            five.get(wrong)


def test_find_filters_and_begins_with_the_newest(ledger):
    table = [
        ("a", "ingestion", "2013-01-07", Verdict.PASS),
        ("a", "ingestion", "2013-01-08", Verdict.REFUSE),
        ("a", "features", "2013-01-08", Verdict.PASS),
        ("b", "ingestion", "2013-01-08", Verdict.WARN),
        ("a", "training", None, Verdict.UNDECIDED),
    ]
    for number, (use_case, gate, partition, verdict) in enumerate(table):
        ledger.append(decision(number, use_case=use_case, gate=gate, partition=partition, verdict=verdict))

    def found(**filters):
        return [one.evidence["number"] for one in ledger.find(**filters)]

    assert found() == [4, 3, 2, 1, 0]
    assert found(use_case="a") == [4, 2, 1, 0]
    assert found(gate="ingestion") == [3, 1, 0]
    assert found(partition="2013-01-08") == [3, 2, 1]
    assert found(verdict=Verdict.REFUSE) == [1]
    assert found(use_case="a", gate="ingestion", limit=1) == [1]
    assert found(use_case="' OR 1=1 --") == []


def test_the_newest_decision_of_each_partition(ledger):
    for number, partition in enumerate(["2013-01-08", "2013-01-07", "2013-01-08", None]):
        ledger.append(decision(number, partition=partition))
    newest = ledger.newest_by_partition("uc", "ingestion")
    assert {key: found.evidence["number"] for key, found in newest.items()} == {
        "2013-01-07": 1,
        "2013-01-08": 2,
    }
    assert list(newest) == ["2013-01-07", "2013-01-08"]


@pytest.mark.parametrize(
    ("kind", "lost", "told"),
    [
        (sa.exc.OperationalError, False, Outage),
        (sa.exc.DatabaseError, True, Outage),
        (sa.exc.InterfaceError, True, Outage),
        (sa.exc.DatabaseError, False, LedgerCorrupted),
        (sa.exc.InterfaceError, False, sa.exc.InterfaceError),
    ],
)
def test_a_connection_that_is_lost_is_an_outage_whatever_the_driver_calls_it(ledger, kind, lost, told):
    """A corrupted ledger fails a task for good; a server that comes back does not."""
    error = kind("SELECT 1", {}, Exception("SSL SYSCALL error: EOF detected"), connection_invalidated=lost)
    with pytest.raises(told), ledger._connection():
        raise error


def test_a_file_that_is_no_ledger_is_said_plainly(file, ledger):
    file.parent.mkdir()
    file.write_bytes(b"this is no database, however long it may be" * 100)
    with pytest.raises(LedgerCorrupted, match=r"cannot be read: .*not a database"):
        ledger.verify()


def test_a_ledger_that_cannot_be_opened_is_an_outage(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "ledger.db"):
        with pytest.raises(Outage, match="does not answer"):
            Ledger(f"sqlite:///{path}").find()


@pytest.mark.parametrize("url", ["no address", "nosuchdb://user:hunter2@host/db"])
def test_a_wrong_address_is_a_mistake_of_configuration_and_shows_no_password(url):
    with pytest.raises(ConfigurationError, match="AIRLOCK_LEDGER_URL") as caught:
        Ledger(url).find()
    assert "hunter2" not in str(caught.value)
