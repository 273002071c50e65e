"""One broken batch: what lands, and what must be said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.corpus.desk import DAY, KINDS, Desk

Content = bytes | Callable[[], bytes]
Prepare = Callable[[Desk], None]


@dataclass(frozen=True)
class Case:
    """A broken batch.

    Attributes:
        name: unique.
        kind: of the source; see `desk.KINDS`.
        verdict: `pass`, `warn`, `refuse`, or `error` where the declaration and not the batch is wrong.
        says: parts that the message must hold: the rule and the fact.
        files: what lands, by key; of a bomb, what makes it.
        prepare: does what cannot be told by files.
        changes: of the declaration.
        day: the partition that is asked for.
        bomb: whether the memory that it takes is watched.
    """

    name: str
    kind: str
    verdict: str
    says: tuple[str, ...]
    files: Mapping[str, Content] = field(default_factory=dict)
    prepare: Prepare | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    day: str = DAY
    bomb: bool = False

    def made(self) -> Case:
        """Return the case with the bytes of all that lands."""
        files = {key: content() if callable(content) else content for key, content in self.files.items()}
        return replace(self, files=files)


def one_file(kind: str) -> Callable[..., Case]:
    """Return a maker of cases in which one file lands, at the place of its kind."""
    key = KINDS[kind]["path"].replace("{partition}", DAY)

    def make(
        name: str,
        content: Content | str | None,
        *says: str,
        verdict: str = "refuse",
        bomb: bool = False,
        **changes: Any,
    ) -> Case:
        data = content.encode() if isinstance(content, str) else content
        files = {} if data is None else {key: data}
        return Case(f"{kind}: {name}", kind, verdict, says, files, changes=changes, bomb=bomb)

    return make
