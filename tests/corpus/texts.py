"""CSV and JSON Lines that are not what the declaration says."""

from __future__ import annotations

from collections.abc import Iterator

from tests.corpus.case import Case, one_file
from tests.corpus.desk import csv_text, frame, json_text


def cases() -> Iterator[Case]:
    yield from _csv_structure()
    yield from _csv_values()
    yield from _json_structure()
    yield from _json_values()


def _line(number: int, change: str) -> str:
    """Return good CSV in which a line (from 1, the header) is another."""
    lines = csv_text().splitlines()
    lines[number - 1] = change
    return "\n".join(lines) + "\n"


def _csv_structure() -> Iterator[Case]:
    case, text = one_file("csv"), csv_text()
    row = text.splitlines()[1]
    yield case("empty", b"", "is empty (0 bytes)")
    yield case("one line end", "\n", "holds no line, not even a header")
    yield case("a header alone", text.splitlines()[0] + "\n", "row_count", "found 0")
    yield case("a byte order mark", b"\xef\xbb\xbf" + text.encode(), verdict="pass")
    yield case("UTF-16 with its mark", text.encode("utf-16"), "starts with the byte order mark of utf-16")
    yield case("UTF-32 with its mark", text.encode("utf-32"), "starts with the byte order mark of utf-32")
    yield case("UTF-16 without a mark", text.encode("utf-16-le"), "holds a NUL byte in line 1")
    latin = _line(
        9,
        row.replace(",false,", ",false,").replace("leave at the door", "").rsplit(",", 2)[0]
        + ",Müller,false",
    )
    yield case(
        "Latin-1 declared as UTF-8", latin.encode("latin-1"), "is not utf-8 in line 9", "declare its encoding"
    )
    yield case("UTF-8 declared as ASCII", latin, "is not ascii in line 9", source={"encoding": "ascii"})
    yield case("Windows line ends", text.replace("\n", "\r\n"), verdict="pass")
    yield case(
        "mixed line ends", text.replace("\n", "\r\n", 30), "line_ends", "mixes the line ends", verdict="warn"
    )
    yield case("line ends of old Macs", text.replace("\n", "\r"), verdict="pass")
    yield case(
        "a NUL byte",
        _line(5, row.replace("DE", "D\0").replace("FR", "F\0").replace("US", "U\0")),
        "a NUL byte in line 5",
    )
    yield case("an open quote", _line(7, '"' + row), "is no CSV as declared in line 7")
    yield case(
        "a stray quote behind a value",
        _line(7, '"1"x,' + row.split(",", 1)[1]),
        "is no CSV as declared in line 7",
    )
    yield case("a value too few", _line(4, row.rsplit(",", 1)[0]), "has 6 values in line 4 where 7 are named")
    yield case("a value too many", _line(4, row + ",1"), "has 8 values in line 4 where 7 are named")
    yield case(
        "a delimiter that is not quoted",
        _line(4, row.replace("leave at", "a, b") + ",x"),
        "values in line 4 where 7",
    )
    yield case("semicolons", text.replace(",", ";"), "order.present")
    yield case("tabs", text.replace(",", "\t"), "order.present")
    yield case("cut within a line", text[:-9], "in line 121 where 7 are named")
    yield case(
        "the header again in the middle", _line(60, text.splitlines()[0]), "order.type", "line 60: 'order'"
    )
    yield case("a total at the end", text + "total,,,,,,\n", "order.type", "line 122: 'total'")
    yield case("an empty line in the middle", text.replace("\n", "\n\n", 5), verdict="pass")
    yield case("a value over two lines", _noted('"leave\nat the door"'), verdict="pass")
    yield case(
        "a value of 200,000 signs", _noted("x" * 200_000), "is no CSV as declared in line 2", "field larger"
    )
    yield case("a line of 2 million signs", text + "x" * 2_000_000, "is longer than 1000000 signs", bomb=True)
    yield case("zeros", bytes(10_000_000), "holds a NUL byte in line 1", bomb=True)
    yield case("an error page", "<html><body>502 Bad Gateway</body></html>", "order.present")
    yield case("Parquet under its name", b"PAR1\x15\x04\x15\xff\x00", "file:")


def _noted(note: str) -> str:
    lines = csv_text(frame().assign(note="NOTE").iloc[:, :]).splitlines()
    return "\n".join([lines[0], lines[1].replace("NOTE", note), *lines[2:]]) + "\n"


_BAD_VALUES = {
    "order": ["1.0", "0x1F", "1e5", "1_000", "1 000", "１２", "99999999999999999999", "abc", "-", "+5", " 7"],
    "amount": [
        "1,5",
        "1.234,56",
        "12 €",
        "$12",
        "NaN",
        "inf",
        "-Infinity",
        "1e999",
        "NA",
        "null",
        "1.2.3",
        "0x1p3",
        "½",
    ],
    "express": ["1", "yes", "T", "ja", "TRUE "],
    "placed": [
        "2024-03-05 10:00:00",
        "05.03.2024 10:00",
        "03/05/2024",
        "1709632800",
        "2024-02-30T10:00:00Z",
        "0000-03-05T10:00:00Z",
        "2024-03-05T10:00:00+0100h",
        "today",
    ],
}


def _csv_values() -> Iterator[Case]:
    case, rows = one_file("csv"), frame()
    for column, values in _BAD_VALUES.items():
        for value in values:
            written = rows.assign(placed=[time.isoformat() for time in rows["placed"]]).astype(object)
            written["express"] = written["express"].map({True: "true", False: "false"})
            written["late"] = written["late"].map({True: "true", False: "false"})
            written.loc[2, column] = value
            yield case(f"{column} is {value!r}", csv_text(written), f"{column}.type", f"line 4: {value!r}")
    comma = csv_text().replace(".", ",").replace(",", ";")
    yield case("a decimal comma, not declared", comma, "values in line", source={"delimiter": ";"})
    zone = {"timestamp_format": "%Y-%m-%d %H:%M", "timestamp_timezone": "Europe/Berlin"}
    for name, time in {"left out": "2024-03-31 02:30", "repeated": "2024-10-27 02:30"}.items():
        written = rows.assign(placed=[f"{moment:%Y-%m-%d %H:%M}" for moment in rows["placed"]])
        written.loc[0, "placed"] = time
        yield case(
            f"a local time that the clocks {name}",
            csv_text(written),
            "placed.type",
            "exists once in Europe/Berlin",
            source=zone,
        )


def _json_line(number: int, line: str) -> str:
    lines = json_text().splitlines()
    lines[number - 1] = line
    return "\n".join(lines) + "\n"


def _json_structure() -> Iterator[Case]:
    case, text = one_file("json"), json_text()
    first = text.splitlines()[0]
    bad = {
        "an array": "[1, 2]",
        "a text": '"x"',
        "a number": "1",
        "null": "null",
    }
    for name, line in bad.items():
        yield case(f"{name} as line", _json_line(6, line), "line 6 of", "is no JSON object but")
    broken = {
        "cut off": first[:-5],
        "single quotes": first.replace('"', "'"),
        "a comma at the end": first[:-1] + ",}",
        "a comment": first + " // checked",
        "two objects": first + first,
        "a key twice": first[:-1] + ',"order":1}',
        "words": "not json",
        "a control character": first.replace("DE", "D\tE").replace("FR", "F\tR").replace("US", "U\tS"),
        "a deep nest": "[" * 100_000,
        "NaN": first.replace("false", "NaN").replace("true", "NaN"),
        "Infinity": first.replace("false", "Infinity").replace("true", "Infinity"),
    }
    for name, line in broken.items():
        yield case(f"{name} in a line", _json_line(6, line), "line 6 of", "is no JSON")
    yield case(
        "an array instead of lines", "[" + ",".join(text.splitlines()) + "]", "line 1 of", "is no JSON object"
    )
    yield case("objects over many lines", text.replace("{", "{\n"), "line 1 of", "is no JSON")
    yield case("a byte order mark", b"\xef\xbb\xbf" + text.encode(), verdict="pass")
    yield case("UTF-16", text.encode("utf-16"), "starts with the byte order mark of utf-16")
    yield case("no line", "\n\n", "order.present")
    yield case("a NUL byte", text.replace("DE", "D\0", 1), "holds a NUL byte in line")
    yield case(
        "a line of 2 million signs", '{"order": "' + "x" * 2_000_000 + '"}', "longer than 1000000", bomb=True
    )


def _json_values() -> Iterator[Case]:
    case = one_file("json")
    values = {
        "order": {
            "a text": '"17"',
            "a fraction": "17.5",
            "a whole fraction": "17.0",
            "true": "true",
            "65 bits": "99999999999999999999",
            "a list": "[1]",
        },
        "amount": {"a text": '"1.5"', "true": "true", "an object": '{"eur": 1}'},
        "country": {
            "a number": "49",
            "a list": '["DE"]',
            "half a character": '"\\ud800"',
            "NUL": '"D\\u0000"',
        },
        "express": {"a number": "1", "a text": '"true"'},
        "placed": {"a number": "1709632800", "a date": '"2024-03-05"', "no offset": '"2024-03-05T10:00:00"'},
    }
    for column, changes in values.items():
        for name, value in changes.items():
            yield case(f"{column} is {name}", _with(column, value), f"{column}.type", "line 3:")
    yield case("amount beyond all numbers", _with("amount", "1e999"), "amount.range", f"1 of {len(frame())}")
    yield case("order is null", _with("order", "null"), "order.null_share", f"1 of {len(frame())}")


def _with(column: str, value: str) -> str:
    import json

    lines = json_text().splitlines()
    row = json.loads(lines[2])
    spelled = {name: json.dumps(one) for name, one in row.items()} | {column: value}
    lines[2] = "{" + ",".join(f'"{name}":{one}' for name, one in spelled.items()) + "}"
    return "\n".join(lines)
