"""Libraries of pages: what every page of a kind repeats is kept once, and put back when a page is shown.

A page of Evidently is under 1 MB about one partition and 3.7 MB of script and font that are the same every
day. Kept apart, a page still opens from its folder in a browser; `whole_page` makes it complete in itself
again, for those who see it through a server.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from include.hashing import digest_bytes

if TYPE_CHECKING:
    from include.storage import ObjectStore

# No use case begins with an underscore.
_FOLDER = "_libraries"
# From the page of one partition, <use case>/<partition>/<page>.
_UP = "../.."
_KEY = rf"{re.escape(_UP)}/(?P<key>{_FOLDER}/[\w-]+-[0-9a-f]{{12}}\.KIND)"
_SCRIPT = re.compile(rf'<script src="{_KEY.replace("KIND", "js")}"></script>'.encode())
_FONT = re.compile(rf"url\({_KEY.replace('KIND', 'woff2')}\)".encode())
_SHORT = 12


@dataclass(frozen=True)
class Library:
    """A script or a font (`js` or `woff2`) that a page carries word by word."""

    name: str
    kind: str
    content: bytes

    @cached_property
    def key(self) -> str:
        """Where it is kept; another content has another key: a page keeps what it was made with."""
        return f"{_FOLDER}/{self.name}-{digest_bytes(self.content)[:_SHORT]}.{self.kind}"

    @cached_property
    def linked(self) -> bytes:
        """How a page names it."""
        address = f"{_UP}/{self.key}"
        text = f'<script src="{address}"></script>' if self.kind == "js" else f"url({address})"
        return text.encode()

    @cached_property
    def inline(self) -> bytes:
        """How a page carries it."""
        return _script(self.content) if self.kind == "js" else _font(self.content)


def put_page(store: ObjectStore, key: str, page: bytes, libraries: Sequence[Library]) -> None:
    """Keep a page `<use case>/<partition>/<name>`, its libraries apart and first, so that no page lacks one.

    A library that the page does not carry is not kept for it. One that is gone, because a rule of the bucket
    removes what is old, is written again with the next page.
    """
    for library in libraries:
        if library.inline not in page:
            continue
        if not store.exists(library.key):
            store.put_if_absent(library.key, library.content)
        page = page.replace(library.inline, library.linked)
    store.put(key, page)


def whole_page(store: ObjectStore, key: str) -> bytes:
    """Return a kept page, complete in itself.

    Raises:
        NotFound: there is no such page, or its script is gone. Without its font a page shows words for icons.
    """

    def script(link: re.Match[bytes]) -> bytes:
        return _script(store.get(link["key"].decode()))

    def font(link: re.Match[bytes]) -> bytes:
        # Words in the data can look like this link too; those in quotes of a script cannot.
        library = link["key"].decode()
        return _font(store.get(library)) if store.exists(library) else link[0]

    return _SCRIPT.sub(script, _FONT.sub(font, store.get(key)))


def _script(content: bytes) -> bytes:
    return b"<script>" + content + b"</script>"


def _font(content: bytes) -> bytes:
    return b"url(data:font/ttf;base64," + base64.b64encode(content) + b")"
