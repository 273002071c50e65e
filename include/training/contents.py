"""What a stored model holds, apart from where its objects lay in memory and when its archive was written.

skops numbers the parts of a model by their addresses in memory, and names its array files after them; a zip
archive holds times. So the bytes of the same model differ from process to process, and its contents do not.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from include.hashing import digest, digest_bytes

_SCHEMA = "schema.json"
_ADDRESS, _FILE = "__id__", "file"


def contents_digest(archive: bytes) -> str:
    """Return the hash of a skops archive's contents.

    Addresses are replaced by the order in which they first occur, and names of files by their contents, so
    that two parts that are one object stay one.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        files = {name: file.read(name) for name in file.namelist() if name != _SCHEMA}
        schema = json.loads(file.read(_SCHEMA))
    return digest(_plain(schema, {}, files))


def _plain(part: Any, order: dict[int, int], files: dict[str, bytes]) -> Any:
    if isinstance(part, list):
        return [_plain(item, order, files) for item in part]
    if not isinstance(part, dict):
        return part
    # In the order of their keys as written: it is the order in which the objects were found.
    return [
        [name, order.setdefault(value, len(order))]
        if name == _ADDRESS
        else [name, digest_bytes(files[value])]
        if name == _FILE and value in files
        else [name, _plain(value, order, files)]
        for name, value in part.items()
    ]
