"""Both stores, on a real file and a real server: one consistent look, and no way back in time."""

import sqlite3
import threading

import pytest

from include.errors import ConfigurationError, Outage
from include.features.online.redis_store import RedisStore
from include.features.online.sqlite_store import SqliteStore
from include.features.online.state import Head, SideLook, SideRow, State
from include.features.online.stores import open_online_store
from include.settings import Settings

SPACE, OTHER = "trips:one", "trips:two"
SIDE = '["weather",["station"],"measured"]'
JFK = '["JFK"]'


def head(as_of="2013-01-09", digest="d"):
    return Head(
        use_case="trips",
        feature_set_version="one",
        as_of=as_of,
        contract_hash="c",
        digest=digest,
        text_times=(),
    )


def rain(at, value, entity=JFK):
    return SideRow(SIDE, entity, at, f"[{value}]")


def state(as_of="2013-01-09", digest="d", *, entries=None, rows=(), settled=None, needed=None):
    return State(head(as_of, digest), entries or {}, rows, settled or {}, needed or {})


def at(store, last, first=0, entity=JFK, space=SPACE):
    return store.look(space, [], [SideLook(SIDE, entity, first, last)]).sides[0]


@pytest.fixture(params=["sqlite", "redis"])
def url(request, tmp_path):
    return (
        f"sqlite:///{tmp_path}/new/online.db"
        if request.param == "sqlite"
        else request.getfixturevalue("redis_url")
    )


@pytest.fixture
def connect(url):
    made = []

    def connected():
        made.append(open_online_store(Settings(_env_file=None, online_store_url=url)))
        return made[-1]

    yield connected
    for store in made:
        store.close()


@pytest.fixture
def store(connect):
    return connect()


def test_an_empty_store_has_nothing(store):
    seen = store.look(SPACE, ["a"], [SideLook(SIDE, JFK, 0, 9)])
    assert (store.head(SPACE), seen.head) == (None, None)
    assert (list(seen.entries), list(seen.sides), list(seen.newest)) == ([None], [None], [None])


def test_a_state_is_read_back_by_whoever_connects(store, connect):
    kept = state(entries={"a": "[0.1]", "ü|": "[null]"}, rows=[rain(5, 1.5), rain(5, 2.5, '["LGA"]')])
    assert store.switch(SPACE, kept) == kept.head
    seen = connect().look(
        SPACE, ["ü|", "b", "a"], [SideLook(SIDE, JFK, 0, 9), SideLook(SIDE, '["EWR"]', 0, 9)]
    )
    assert seen.head == kept.head
    assert list(seen.entries) == ["[null]", None, "[0.1]"]
    assert (list(seen.sides), list(seen.newest)) == (["[1.5]", None], [5, 5])
    assert store.head(OTHER) is None


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(0, 9, "[3]"), (0, 7, "[3]"), (0, 6, "[2]"), (5, 6, "[2]"), (6, 6, None), (8, 9, None), (-9, 4, None)],
)
def test_the_newest_row_of_the_window_is_found_both_ends_included(store, first, last, expected):
    microseconds = 1_386_000_000_000_000  # as large as real ones
    rows = [rain(microseconds + time, value) for time, value in [(5, 2), (7, 3)]]
    store.switch(SPACE, state(rows=rows))
    assert at(store, microseconds + last, microseconds + first) == expected


def test_of_rows_of_the_same_time_the_last_counts_and_pushing_replaces(store):
    store.switch(SPACE, state(rows=[rain(5, 1), rain(5, 2)]))
    assert at(store, 9) == "[2]"
    store.put_side_rows(SPACE, [rain(5, 3), rain(6, 4)])
    assert [at(store, 5), at(store, 9)] == ["[3]", "[4]"]


SWITCHES = {
    "a newer one": (("2013-01-10", "e"), True),
    "corrected values of the same date": (("2013-01-09", "e"), True),
    "the same again": (("2013-01-09", "d"), False),
    "an older one": (("2013-01-08", "e"), False),
}


@pytest.mark.parametrize(("new", "replaced"), SWITCHES.values(), ids=SWITCHES)
def test_time_goes_one_way(store, new, replaced):
    store.switch(SPACE, state(entries={"a": "[1]", "b": "[1]"}))
    held = store.switch(SPACE, state(*new, entries={"a": "[2]"}))
    assert held == store.head(SPACE) == (head(*new) if replaced else head())
    found = list(store.look(SPACE, ["a", "b"], []).entries)
    assert found == (["[2]", None] if replaced else ["[1]", "[1]"])


def test_a_new_state_settles_the_past_keeps_what_was_pushed_since_and_forgets_what_nobody_needs(store):
    store.switch(SPACE, state(rows=[rain(1, 1), rain(2, 1)]))
    store.put_side_rows(SPACE, [rain(3, 1), rain(9, 1)])
    rows = [rain(2, 2), rain(4, 2)]
    store.switch(SPACE, state("2013-01-10", rows=rows, settled={SIDE: 4}, needed={SIDE: 2}))
    assert [at(store, time, time) for time in (1, 2, 3, 4, 9)] == [None, "[2]", None, "[2]", "[1]"]


def test_two_versions_live_side_by_side(store):
    store.switch(SPACE, state(entries={"a": "[1]"}, rows=[rain(1, 1)]))
    store.switch(OTHER, state("2013-01-01", entries={"a": "[2]"}, rows=[rain(1, 2)], settled={SIDE: 5}))
    assert [store.look(space, ["a"], []).entries[0] for space in (SPACE, OTHER)] == ["[1]", "[2]"]
    assert [at(store, 1, space=space) for space in (SPACE, OTHER)] == ["[1]", "[2]"]


def test_a_reader_never_sees_a_mix(store, connect):
    """States whose values all name their own date, switched under a reader that asks all the time."""
    keys = [f"k{number}" for number in range(50)]

    def one(day):
        return state(
            f"2013-01-{day:02}",
            entries=dict.fromkeys(keys, f"[{day}]"),
            rows=[rain(1, day)],
            settled={SIDE: 1},
        )

    def write():
        writer = connect()
        for day in range(2, 32):
            writer.switch(SPACE, one(day))
        writer.close()

    store.switch(SPACE, one(1))
    thread = threading.Thread(target=write)
    thread.start()
    seen = set()
    while thread.is_alive() or len(seen) < 2:
        found = store.look(SPACE, keys, [SideLook(SIDE, JFK, 0, 9)])
        day = int(found.head.as_of[-2:])
        assert set(found.entries) == {f"[{day}]"}
        assert found.sides == [f"[{day}]"]
        seen.add(day)
    thread.join()
    assert store.head(SPACE).as_of == "2013-01-31"


def test_of_two_writers_the_newer_state_stays(connect):
    def write(days):
        writer = connect()
        for day in days:
            writer.switch(SPACE, state(f"2013-01-{day:02}", entries={"a": f"[{day}]"}))
        writer.close()

    threads = [threading.Thread(target=write, args=(range(first, 32, 2),)) for first in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = connect().look(SPACE, ["a"], [])
    assert (found.head.as_of, list(found.entries)) == ("2013-01-31", ["[31]"])


def test_values_of_old_states_are_removed(redis_url):
    store = RedisStore(redis_url)
    for day in range(1, 4):
        store.switch(SPACE, state(f"2013-01-{day:02}", entries={"a": f"[{day}]"}))
    names = store._client.keys("*values*")
    assert len(names) == 1
    assert store._client.ttl(names[0]) == -1
    store.close()


ADDRESSES = {
    "another kind": ("postgresql://user:secret@host/db", ConfigurationError, "begins with 'postgresql'"),
    "no server": ("redis://:secret@127.0.0.1:1/0", Outage, "does not answer: ConnectionError"),
    "no folder": ("sqlite:////proc/none/online.db", Outage, "/proc/none/online.db does not answer"),
}


@pytest.mark.parametrize(("address", "error", "message"), ADDRESSES.values(), ids=ADDRESSES)
def test_a_wrong_address_is_told_without_its_password(address, error, message):
    with pytest.raises(error, match=message) as told:
        open_online_store(Settings(_env_file=None, online_store_url=address)).head(SPACE)
    assert "secret" not in str(told.value)
    assert "secret" not in repr(Settings(_env_file=None, online_store_url=address))


def test_a_broken_file_is_an_outage(tmp_path):
    (tmp_path / "online.db").write_bytes(b"no database, but long enough to be looked at" * 100)
    with pytest.raises(Outage, match="file is not a database"):
        SqliteStore(tmp_path / "online.db").head(SPACE)


def test_a_write_that_fails_leaves_the_old_state(tmp_path):
    store = SqliteStore(tmp_path / "online.db")
    store.switch(SPACE, state(entries={"a": "[1]"}))
    with pytest.raises(Outage, match="NOT NULL"):
        store.switch(SPACE, state("2013-01-10", entries={"a": "[2]", "b": None}))
    assert (store.head(SPACE).as_of, list(store.look(SPACE, ["a"], []).entries)) == ("2013-01-09", ["[1]"])
    with sqlite3.connect(tmp_path / "online.db") as other:
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    other.close()
    store.close()
