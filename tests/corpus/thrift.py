"""Just enough of Thrift's compact protocol to lie in the footer of a Parquet file."""

from __future__ import annotations

import io

import pyarrow.parquet as pq

from tests.corpus.desk import frame, table

_MARK = b"PAR1"


def varint(value: int) -> bytes:
    """Encode a signed number as Thrift does: zigzag, seven bits a byte.

    >>> varint(-1), varint(64)
    (b'\\x01', b'\\x80\\x01')
    """
    rest = value << 1 if value >= 0 else (-value << 1) - 1
    found = bytearray()
    while rest > 127:
        found.append(rest & 127 | 128)
        rest >>= 7
    found.append(rest)
    return bytes(found)


def footer_with_rows(content: bytes, rows: int) -> bytes:
    """Return a file whose footer claims another number of rows, in its own field only."""
    length = int.from_bytes(content[-8:-4], "little")
    body, footer = content[: -8 - length], content[-8 - length : -8]
    true = pq.read_metadata(io.BytesIO(content)).num_rows
    # The last number of the schema is followed by field 3, an i64: 0x16 and the rows.
    old = b"\x16" + varint(true) + b"\x19"
    place = footer.index(old)
    footer = footer[:place] + b"\x16" + varint(rows) + b"\x19" + footer[place + len(old) :]
    return body + footer + len(footer).to_bytes(4, "little") + _MARK


def page_with_claim(claim: int) -> bytes:
    """Return a file whose last page claims to unpack to so many bytes.

    The last column chunk is moved by the longer number, which nothing after it but the footer would notice.
    """
    rows = table(frame())
    order = [name for name in rows.column_names if name != "amount"] + ["amount"]
    sink = io.BytesIO()
    pq.write_table(rows.select(order), sink, use_dictionary=False, compression="snappy")
    content = sink.getvalue()
    column = pq.read_metadata(io.BytesIO(content)).row_group(0).column(len(order) - 1)
    start = column.data_page_offset
    # A page header: field 1 (type, i32), field 2 (unpacked size), field 3 (packed size).
    size = _varint_at(content, start + 3)[0]
    old = varint(size)
    head = content[: start + 3]
    assert content[start + 3 :].startswith(old)
    return head + varint(claim) + content[start + 3 + len(old) :]


def _varint_at(content: bytes, place: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = content[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return (value >> 1) ^ -(value & 1), place
