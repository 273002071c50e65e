"""How commands print: tables for people, JSON for scripts. Results go to stdout, everything else to stderr.

A table fits a terminal of 80 columns. Piped, it has no colour and no line is folded or cut, so that `grep`
and `cut` find whole ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.main import printable

VERDICT_STYLES = {"pass": "green", "warn": "yellow", "refuse": "bold red", "undecided": "magenta"}
_UNFOLDED = 100_000
_LONG_WORD = 24
_HASH = 64
_GAP = 2


def stdout() -> Console:
    """Return the console for results: as wide as the terminal, or as the text where there is none."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _UNFOLDED
    return console


def stderr() -> Console:
    """Return the console for what is not a result."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def print_json(value: Any) -> None:
    """Print a value as JSON; models, dates and enums are known, NaN becomes null."""
    from pydantic_core import to_json

    click.echo(to_json(value, indent=2, inf_nan_mode="null").decode())


def note(text: str) -> None:
    """Tell something that is no result."""
    click.echo(printable(text), err=True)


def styled(value: object, style: str = "") -> Text:
    """Return a value as text that cannot steer the terminal; verdicts have their colour."""
    text = Text(printable(str(value)))
    text.stylize(style or VERDICT_STYLES.get(text.plain, ""))
    return text


def show(renderable: RenderableType, *, needed: int = 0) -> None:
    """Print, folded on a terminal and unfolded in a pipe; no line ends in spaces.

    A terminal narrower than the needed columns wraps the line itself: that is better than a cut id.
    """
    console = stdout()
    console.width = max(console.width, needed)
    with console.capture() as capture:
        console.print(renderable)
    for line in capture.get().splitlines():
        click.echo(line.rstrip(), color=True)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, whole: Sequence[str] = ()
) -> None:
    """Print rows under headings.

    Args:
        columns: the headings.
        rows: one value per column.
        whole: columns that are never folded, such as ids.
    """
    table = Table(box=None, padding=(0, _GAP, 0, 0), show_edge=False, header_style="bold")
    needed = 0
    cells = [[value if isinstance(value, Text) else styled(value) for value in row] for row in rows]
    for index, column in enumerate(columns):
        words = " ".join([column, *(row[index].plain for row in cells)]).split()
        # Wide enough for its words, so that columns with sentences give way first.
        longest = min(max(map(len, words), default=0), _LONG_WORD)
        if column in whole:
            longest = max(len(text) for text in [column, *(row[index].plain for row in cells)])
        table.add_column(column.upper(), no_wrap=column in whole, overflow="fold", min_width=longest)
        needed += longest + _GAP
    for row in cells:
        table.add_row(*row)
    show(table, needed=needed)


def print_facts(facts: Iterable[tuple[str, object]], *, indent: int = 0) -> None:
    """Print labels with their texts beside them; an empty label continues the fact above."""
    texts = [
        (styled(label, "dim"), value if isinstance(value, Text) else styled(value)) for label, value in facts
    ]
    words = [len(word) for _, text in texts for word in text.plain.split()]
    # A hash stays whole however narrow the terminal; only addresses are folded.
    longest = max((word for word in words if word <= _HASH), default=0)
    table = Table.grid(padding=(0, _GAP, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", min_width=longest)
    for label, text in texts:
        table.add_row(label, text)
    widest = max((len(label) for label, _ in texts), default=0)
    show(Padding(table, (0, 0, 0, indent), expand=False), needed=indent + widest + longest + 2 * _GAP)


def labelled(label: str, values: Iterable[object]) -> list[tuple[str, object]]:
    """Return facts of which only the first shows the label."""
    return [(label if index == 0 else "", value) for index, value in enumerate(values)]


def print_heading(text: str) -> None:
    """Print a line that stands above others."""
    show(styled(text, "bold"))


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show that something is going on, on a terminal only."""
    console = stderr()
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield
