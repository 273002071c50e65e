"""What all pictures share: text as it stands in the data, and the same bytes for the same figures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@contextmanager
def plain_text() -> Iterator[None]:
    """Take text as text, in all that is made and saved inside; also a decorator."""
    from matplotlib import rc_context

    # Names and categories are data: what stands between two dollar signs would be read as a formula, and a
    # broken formula ends the drawing.
    with rc_context({"text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "airlock"}):
        yield


def as_png(figure: Figure, *, dpi: int) -> bytes:
    """Return a figure as PNG, without a note of what made it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def as_svg(figure: Figure) -> bytes:
    """Return a figure as SVG, without its date; its words stay words, in a font of the reader's."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
