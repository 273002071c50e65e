"""Which of the rows that were set aside a command is about: by date, table, position and rule."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from cli.commands.options import partition_key

_Command = Callable[..., Any]


def choose_rows(*, all_if_unnamed: bool) -> Callable[[_Command], _Command]:
    """Add what names rows, and hand the command the use case and its `choice`.

    Args:
        all_if_unnamed: whether naming no row means all of them; where not, a person must say `--all`.
    """
    options = [
        click.argument("use_case"),
        click.argument("partition", metavar="DATE", callback=partition_key),
        click.option(
            "--table", default="batch", show_default=True, help="The batch, or the name of a side table."
        ),
        click.option(
            "--row", "rows", type=click.IntRange(min=0), multiple=True, help="Only this row; repeatable."
        ),
        click.option(
            "--rule", "rules", metavar="RULE", multiple=True, help="Only rows that broke it; repeatable."
        ),
    ]
    if not all_if_unnamed:
        options.append(
            click.option("--all", "everything", is_flag=True, help="All rows that are held there.")
        )

    def decorate(command: _Command) -> _Command:
        @functools.wraps(command)
        def run(
            *,
            partition: str,
            table: str,
            rows: tuple[int, ...],
            rules: tuple[str, ...],
            everything: bool = False,
            **others: Any,
        ) -> Any:
            from include.ingestion.release import Choice

            if not (rows or rules or everything or all_if_unnamed):
                raise click.UsageError(
                    "Name the rows with --row or --rule, or take all that are held with --all"
                )
            choice = Choice(partition=partition, table=table, rows=rows or None, rules=rules or None)
            return command(choice=choice, **others)

        found: _Command = run
        for option in reversed(options):
            found = option(found)
        return found

    return decorate
