"""SIGKILL in the middle of every kind of write: what is found afterwards is the old state or the new one.

Each kind is killed at many instants of its duration, which fall into the libraries too, and before lines of
Airlock's own code. After each kill the stores are read, and the work is done again to its end.
"""

from datetime import date

import pandas as pd
import pytest

from include.decisions import Ruling, Subject, Verdict, decide
from include.lake import AUDIT_COLUMNS, Lake
from include.ledger import Ledger
from include.settings import Settings
from include.storage import LocalStore
from tests.kills import instants, places, times

DAY, OTHER = "2013-01-07", "2013-01-06"
ROWS = 5_000
SIZE = 4_000_000
OLD, NEW = b"o" * SIZE, b"n" * (SIZE + 1)


def write_rows(address, value):
    lake = Lake.from_settings(Settings(_env_file=None, lake_url=address))
    rows = pd.DataFrame({"value": [value] * ROWS, "text": [f"{value}-{row}" for row in range(ROWS)]})
    rows = rows.assign(known_at=date(2013, 1, 8))
    return lake.write_partition("uc", "batches", DAY, rows, source_hash=str(value), contract_hash="c")


def read_rows(address):
    """The value that the partition holds; None when it does not exist. A mixture or a part is an error."""
    lake = Lake.from_settings(Settings(_env_file=None, lake_url=address))
    if DAY not in lake.partitions("uc", "batches"):
        return None
    rows = lake.read("uc", "batches", partitions=[DAY]).drop(columns=[*AUDIT_COLUMNS], errors="ignore")
    value = int(rows.value.iloc[0])
    assert rows.value.tolist() == [value] * ROWS
    assert rows.text.tolist() == [f"{value}-{row}" for row in range(ROWS)]
    return value


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.servers)])
def address(request, tmp_path):
    if request.param == "s3":
        return f"{request.getfixturevalue('s3_bucket')}/lake"
    return str(tmp_path / "lake")


def test_a_partition_that_is_replaced(victims, address):
    write_rows(address, 0)
    usual = victims.seconds(write_rows, address, 1)
    write_rows(address, 0)
    fates = []
    for value, instant in enumerate(instants(seed=1, count=times(30, 8), seconds=usual), start=1):
        victims.kill_after(instant, write_rows, address, value)
        found = read_rows(address)
        assert found in {value - 1, value}
        fates.append(found == value - 1)
        write_rows(address, value)
        assert read_rows(address) == value
    assert True in fates, "no kill came before the commit: the test has shown nothing"


def test_a_table_that_is_begun(victims, address):
    usual = victims.seconds(write_rows, f"{address}/first", 7)
    fates = []
    for number, instant in enumerate(instants(seed=2, count=times(20, 5), seconds=usual)):
        victims.kill_after(instant, write_rows, f"{address}/{number}", 7)
        found = read_rows(f"{address}/{number}")
        assert found in {None, 7}
        fates.append(found is None)
        write_rows(f"{address}/{number}", 7)
        assert read_rows(f"{address}/{number}") == 7
    assert True in fates


def put(folder, key, content):
    LocalStore(folder).put(key, content)


def put_if_absent(folder, key, content):
    assert LocalStore(folder).put_if_absent(key, content)


def kills(victims, seed, *work):
    """Kill some work in all ways; the caller looks at what is left each time, and makes it as it was."""
    usual = victims.seconds(*work)
    yield False
    lines = victims.lines(*work)
    yield False
    for instant in instants(seed, times(20, 6), usual):
        yield victims.kill_after(instant, *work)
    for place in places(seed, times(40, 12), lines):
        yield victims.kill_at_line(place, *work)


def test_a_file_that_is_replaced(victims, tmp_path):
    store = LocalStore(str(tmp_path))
    fates = []
    store.put("reports/key", OLD)
    for killed in kills(victims, 3, put, str(tmp_path), "reports/key", NEW):
        found = store.get("reports/key")
        assert found in {OLD, NEW}
        assert killed or found == NEW
        assert store.list() == ["reports/key"]
        fates.append(found)
        store.put("reports/key", OLD)
    assert set(fates) == {OLD, NEW}


def test_a_file_that_is_put_once(victims, tmp_path):
    store = LocalStore(str(tmp_path))
    fates = []
    for killed in kills(victims, 4, put_if_absent, str(tmp_path), "raw/key", NEW):
        there = store.exists("raw/key")
        assert store.list() == (["raw/key"] if there else [])
        assert killed or there
        assert store.put_if_absent("raw/key", NEW) is not there
        assert store.get("raw/key") == NEW
        fates.append(there)
        store.delete("raw/key")
    assert set(fates) == {True, False}


def decision(number, size):
    return decide(
        gate="ingestion",
        subject=Subject(use_case="uc", partition=DAY, as_of=OTHER),
        ruling=Ruling(verdict=Verdict.PASS, reasons=[f"number {number}"], rule="none"),
        evidence={"number": number, "padding": "x" * size},
        policy={},
        data_refs=[],
    )


def append(url, number, size):
    Ledger(url).append(decision(number, size))


# A large decision takes the database longer to write, so that more kills fall into the writing.
@pytest.mark.parametrize(
    ("begun", "size"), [(True, 60_000), (False, SIZE)], ids=["grown ledger", "new ledger"]
)
def test_a_decision_that_is_recorded(victims, tmp_path, begun, size):
    first, second = (f"sqlite:///{tmp_path}/{name}.db" for name in ("first", "second"))
    usual = victims.seconds(append, first, 0, size)
    lines = victims.lines(append, second, 0, size)
    stops = [(victims.kill_after, instant) for instant in instants(5, times(15, 4), usual)]
    stops += [(victims.kill_at_line, place) for place in places(5, times(30, 8), lines)]
    # The commit follows the last lines.
    stops += [
        (victims.kill_at_line, (lines - back, 0.0005 * back * back)) for back in range(0, 12, times(1, 3))
    ]
    fates = []
    for number, (kill, where) in enumerate(stops, start=1):
        url = first if begun else f"sqlite:///{tmp_path}/ledger-{number}.db"
        before = Ledger(url).verify() if begun else (0, "0" * 64)
        kill(where, append, url, number, size)
        count, _ = Ledger(url).verify(head=before[1])
        assert count - before[0] in {0, 1}
        fates.append(count - before[0])
        recorded = Ledger(url).append(decision(number, size))
        assert Ledger(url).verify(head=before[1])[0] == before[0] + 1
        assert Ledger(url).find(limit=1) == [recorded]
    assert set(fates) == {0, 1}
