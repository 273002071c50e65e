"""Many files at once, databases and functions: deliveries that are incomplete or fail on the way."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pyarrow as pa

from tests.corpus.case import Case
from tests.corpus.desk import DAY, Desk, frame, parquet, table

_FOLDER = f"orders/{DAY}"
_HEAD = "import pandas as pd\nfrom tests.corpus.desk import frame\n\n"


def cases() -> Iterator[Case]:
    yield from _parts()
    yield from _names()
    yield from _databases()
    yield from _functions()


def _delivery(
    name: str, verdict: str, says: tuple[str, ...], kind: str = "parts", **files: bytes | None
) -> Case:
    good = {"part-1.parquet": parquet(frame()[:60]), "part-2.parquet": parquet(frame()[60:]), "_SUCCESS": b""}
    named = {name.replace("__", "-").replace("_parquet", ".parquet"): data for name, data in files.items()}
    landed = {f"{_FOLDER}/{key}": data for key, data in (good | named).items() if data is not None}
    return Case(f"{kind}: {name}", kind, verdict, says, landed)


def _parts() -> Iterator[Case]:
    good = table()
    yield _delivery("no marker", "refuse", ("_SUCCESS is missing", "is still written"), _SUCCESS=None)
    yield _delivery(
        "a marker alone", "refuse", ("matches no file",), part__1_parquet=None, part__2_parquet=None
    )
    yield _delivery("an empty part", "refuse", ("part-3.parquet is empty",), part__3_parquet=b"")
    yield _delivery(
        "a cut part", "refuse", ("part-3.parquet: not readable",), part__3_parquet=parquet()[:400]
    )
    yield _delivery(
        "a part with a column less",
        "refuse",
        ("amount.present",),
        part__2_parquet=parquet(good.drop_columns(["amount"])),
    )
    text = good.set_column(3, "amount", good["amount"].cast(pa.string()))
    yield _delivery(
        "a part of another type", "refuse", ("amount.type", "string"), part__2_parquet=parquet(text)
    )
    written = frame().assign(placed=lambda rows: [time.isoformat() for time in rows["placed"]])
    yield _delivery(
        "a part with times as text",
        "refuse",
        ("placed.type", "in the files before it"),
        part__2_parquet=parquet(written[60:]),
    )
    yield _delivery(
        "a part twice", "refuse", ("unique", "broken by 120"), part__3_parquet=parquet(frame()[:60])
    )
    yield _delivery(
        "a part of last week",
        "refuse",
        ("event_date", "60 of 180"),
        part__3_parquet=parquet(frame("2024-02-27")[:60]),
    )
    yield _delivery(
        "a part missing",
        "refuse",
        ("volume", "20 rows where"),
        part__1_parquet=None,
        part__2_parquet=parquet(frame()[:20]),
    )
    yield Case(
        "parts: too many parts",
        "parts",
        "refuse",
        ("files, more than source.max_files 20",),
        {f"{_FOLDER}/part-{n}.parquet": parquet(frame()[:1]) for n in range(30)}
        | {f"{_FOLDER}/_SUCCESS": b""},
    )


def _names() -> Iterator[Case]:
    yield _delivery(
        "a hidden file and notes of the writer",
        "pass",
        (),
        **{".part-9.parquet.crc": b"x", "_metadata": b"x"},
    )
    yield _delivery(
        "nothing that the pattern names",
        "refuse",
        ("matches no file",),
        "glob",
        part__1_parquet=None,
        part__2_parquet=None,
    )
    odd = "part-\n;rm -rf ..parquet"
    yield _delivery("a file with an odd name", "refuse", ("is empty (0 bytes)",), "glob", **{odd: b""})
    yield Case(
        "a folder where a file should be",
        "parquet",
        "refuse",
        ("is missing",),
        {f"orders/{DAY}.parquet/x": b"x"},
    )


def _filled(rows: pd.DataFrame) -> object:
    return lambda desk: desk.fill(rows)


def _databases() -> Iterator[Case]:
    rows, drop = frame(), {"contract": {"extra_columns": "drop"}}

    def case(
        name: str, says: tuple[str, ...], change: object, verdict: str = "refuse", **changes: object
    ) -> Case:
        return Case(f"sql: {name}", "sql", verdict, says, prepare=change, changes=drop | changes)  # type: ignore[arg-type]

    yield case("rows as expected", (), _filled(rows), "pass")
    yield case(
        "no such table",
        ("Outage", "no such table"),
        lambda desk: desk.fill(rows.rename_axis(None)) or desk.database.unlink(),
        "error",
    )
    yield case(
        "a column renamed",
        ("amount.present", "is missing"),
        _filled(rows.rename(columns={"amount": "total"})),
    )
    yield case("no rows of this date", ("row_count", "found 0"), _filled(rows[:0]))
    yield case("numbers as text", ("amount.type", "are no number"), _filled(rows.assign(amount="a lot")))
    yield case(
        "mixed types in a column",
        ("order.type", "row 1"),
        _filled(rows.assign(order=["x", *range(1, len(rows))])),
    )
    yield case(
        "two is no truth value", ("express.type", "are no truth value"), _filled(rows.assign(express=2))
    )
    yield case(
        "times without an offset",
        ("placed.type",),
        _filled(rows.assign(placed=rows["placed"].dt.tz_localize(None))),
    )
    query = {"query": "SELECT order, FROM orders WHERE day = :partition"}
    yield case("a query that is no SQL", ("Outage",), _filled(rows), "error", source=query)
    yield case(
        "a connection to nowhere",
        ("ConfigurationError", "'other'"),
        _filled(rows),
        "error",
        source={"connection": "other"},
    )


def _script(body: str) -> object:
    return lambda desk: desk.script(
        _HEAD + "def rows(partition):\n    " + body.replace("\n", "\n    ") + "\n"
    )


def _functions() -> Iterator[Case]:
    def case(name: str, says: tuple[str, ...], body: str, verdict: str = "refuse") -> Case:
        return Case(f"python: {name}", "python", verdict, says, prepare=_script(body))  # type: ignore[arg-type]

    yield case("frames as expected", (), "yield frame(partition)", "pass")
    yield case(
        "an exception", ("function:", "ValueError: no rows today"), "raise ValueError('no rows today')"
    )
    yield case(
        "an exception after some rows",
        ("KeyError: 'page 2'",),
        "yield frame(partition)[:50]\nraise KeyError('page 2')",
    )
    yield case(
        "the network is down", ("Outage", "refused"), "raise ConnectionRefusedError('refused')", "error"
    )
    yield case("nothing", ("gave NoneType",), "return None")
    yield case("a text", ("gave str",), "return 'rows'")
    yield case("a number per row", ("gave int",), "yield 1")
    yield case("a list of lists", ("other things than dictionaries",), "return [[1, 2]]")
    yield case("a column missing", ("amount.present",), "return frame(partition).drop(columns='amount')")
    yield case(
        "mixed types in a frame", ("mixed types",), "return frame(partition).assign(order=['x'] + [1] * 119)"
    )
    yield case(
        "mixed types in dictionaries",
        ("order.type", "row 1"),
        "return frame(partition).astype(object).assign(order=['x'] + [1] * 119).to_dict('records')",
    )
    yield case(
        "times without a zone",
        ("placed.type",),
        "return frame(partition).assign(placed=pd.Timestamp('2024-03-05'))",
    )
    yield case("no rows", ("row_count",), "return frame(partition)[:0]")
    yield Case(
        "python: no such function",
        "python",
        "error",
        ("UseCaseError", "has no function 'rows'"),
        prepare=_no_function,
    )
    yield Case(
        "python: a module that fails",
        "python",
        "error",
        ("UseCaseError", "NameError"),
        prepare=_failing_module,
    )


def _no_function(desk: Desk) -> None:
    desk.script("x = 1\n")


def _failing_module(desk: Desk) -> None:
    desk.script("import no_such\n" if False else "undefined\n")
