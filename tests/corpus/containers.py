"""Files that are not what their name says: damaged, foreign, or claiming too much."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

from tests.corpus.case import Case, one_file
from tests.corpus.desk import csv_text, frame, json_text, parquet, table
from tests.corpus.thrift import footer_with_rows, page_with_claim

_UNREADABLE = "file: not readable as Parquet"


def cases() -> Iterator[Case]:
    yield from _parquet()
    yield from _parquet_claims()
    yield from _gzip()


def _parquet() -> Iterator[Case]:
    case, good = one_file("parquet"), parquet()
    yield case("missing", None, "file:", "is missing; ask the upstream system")
    yield case("empty", b"", "file:", "is empty (0 bytes)")
    for name, share in {"a tenth": 0.1, "a quarter": 0.25, "half": 0.5, "all but the footer": 0.9}.items():
        yield case(f"cut after {name}", good[: int(len(good) * share)], _UNREADABLE)
    for count in (1, 4, 8):
        yield case(f"{count} bytes missing at the end", good[:-count], _UNREADABLE)
        yield case(f"only {count} bytes", good[:count], _UNREADABLE)
    foreign = {
        "CSV": csv_text().encode(),
        "JSON Lines": json_text().encode(),
        "an error page": b"<html><body>502 Bad Gateway</body></html>",
        "zeros": bytes(5000),
        "random bytes": np.random.default_rng(1).bytes(5000),
        "random bytes between the marks": b"PAR1" + np.random.default_rng(2).bytes(500) + b"PAR1",
        "the marks alone": b"PAR1PAR1",
        "gzip around it": gzip.compress(good),
        "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12345\n",
        "encrypted Parquet": good[:-4] + b"PARE",
        "a line of text before it": b"HTTP/1.1 200 OK\r\n\r\n" + good,
        "converted line ends": good.replace(b"\n", b"\r\n") + b"\r\n",
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("orders.parquet", good)
    foreign["a zip archive"] = archive.getvalue()
    feather = io.BytesIO()
    pyarrow.feather.write_feather(table(), feather)
    foreign["an Arrow file"] = feather.getvalue()
    for name, content in foreign.items():
        yield case(name, content, _UNREADABLE)
    damaged = bytearray(good)
    damaged[4:60] = bytes(56)
    yield case("first page overwritten with zeros", bytes(damaged), "file: not readable")


def _parquet_claims() -> Iterator[Case]:
    case, good = one_file("parquet"), parquet()
    for name, length in {
        "2 GB": 2**31 - 16,
        "4 GB": 2**32 - 1,
        "one byte more than there is": len(good),
    }.items():
        content = good[:-8] + length.to_bytes(4, "little") + b"PAR1"
        yield case(f"a footer of {name}", content, _UNREADABLE, bomb=True)
    yield case("a footer of no bytes", good[:-8] + bytes(4) + b"PAR1", _UNREADABLE)
    yield case(
        "a footer that claims a billion rows", footer_with_rows(good, 10**9), _UNREADABLE, "1000000000 rows"
    )
    yield case("a footer that claims fewer than no rows", footer_with_rows(good, -5), _UNREADABLE)
    yield case("a page that claims 2 GB", page_with_claim(2**31 - 1), "file: not readable", bomb=True)
    yield case(
        "a megabyte of text in each of 50,000 rows",
        lambda: _repeated(1_000_000),
        "holds a text of 1000000 bytes",
        bomb=True,
    )
    yield case(
        "90 kB of text in each of 50,000 rows",
        lambda: _repeated(90_000),
        "beyond source.max_decompressed_bytes",
        bomb=True,
    )
    yield case(
        "10,000 columns", _many_columns, "columns:", "10007 columns, more than source.max_columns", bomb=True
    )
    yield case("no column at all", parquet(pa.table({"x": [1]}).drop_columns(["x"])), "order.present")
    yield case("three million rows in few bytes", _constant, "placed.present", bomb=True)


def _many_columns() -> bytes:
    more = pd.DataFrame(0, index=range(120), columns=[f"c{n}" for n in range(10_000)])
    return parquet(pd.concat([frame(), more], axis=1))


def _constant() -> bytes:
    values = pa.array(np.zeros(3_000_000, "int8"))
    return parquet(pa.table(dict.fromkeys(("order", "amount"), values)))


def _repeated(length: int) -> bytes:
    """Return a small file in which one long text stands 50,000 times."""
    rows = 50_000
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, "int32")), pa.array(["x" * length]))
    columns = {name: frame(rows=1)[name].repeat(rows).array for name in frame(rows=1).columns}
    columns["note"] = text
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, pa.table(columns).schema, dictionary_pagesize_limit=2 * length) as writer:
        writer.write_table(pa.table(columns))
    return sink.getvalue()


def _one_row(text: str) -> bytes:
    """Return a header or a row, and then a million times the same row, packed."""
    lines = text.encode().splitlines(keepends=True)
    return gzip.compress(lines[0] + lines[1] * 1_000_000)


def _gzip() -> Iterator[Case]:
    for kind, text in {"csv.gz": csv_text(), "json.gz": json_text()}.items():
        case, packed = one_file(kind), gzip.compress(text.encode())
        yield case(
            "in two members",
            gzip.compress(text[:99].encode()) + gzip.compress(text[99:].encode()),
            verdict="pass",
        )
        yield case("not packed", text, "is no gzip file as declared")
        yield case("cut in half", packed[: len(packed) // 2], "is a damaged gzip file")
        yield case("wrong check sum", packed[:-8] + bytes(4) + packed[-4:], "is a damaged gzip file")
        yield case("rubbish after it", packed + b"rubbish", "is a damaged gzip file")
        yield case("packed twice", gzip.compress(packed), "file:")
        yield case("zlib instead of gzip", zlib.compress(text.encode()), "is no gzip file as declared")
        yield case("a bomb of zeros", lambda: gzip.compress(bytes(150_000_000)), "file:", bomb=True)
        yield case(
            "a bomb of line ends", lambda: gzip.compress(b"\n" * 150_000_000), "line ends in a row", bomb=True
        )
        yield case("a bomb of one row", partial(_one_row, text), "source.max_", bomb=True)
    yield one_file("csv")(
        "packed, not declared", gzip.compress(csv_text().encode()), "declare compression: gzip"
    )
