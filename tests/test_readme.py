"""What the README and the pages of docs/ tell people to type or to open is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from cli.main import main
from include.settings import PROJECT_ROOT

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [PROJECT_ROOT / "README.md", *sorted((PROJECT_ROOT / "docs").rglob("*.md"))]
TYPED = sorted({*re.findall(r"^\./airlock [^#\n]+|(?<=`)\./airlock [^`]+", README, flags=re.MULTILINE)})


@pytest.mark.parametrize("line", TYPED)
def test_a_command_of_the_readme_is_understood(line: str) -> None:
    """As far as it can be without being run: every command and every option exists."""
    words = shlex.split(line.strip())[1:]
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, parent=context, info_name=name)
    command.make_parser(context).parse_args(list(words))


def test_an_option_that_does_not_exist_is_not_understood() -> None:
    with pytest.raises(click.NoSuchOption):
        test_a_command_of_the_readme_is_understood("./airlock health flights --no-such-option")


def test_every_target_of_make_is_there() -> None:
    targets = set(
        re.findall(r"^([a-z-]+):", (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    told = {
        name for page in PAGES for name in re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8"))
    }
    assert {"demo", "test"} <= told <= targets, told - targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if ":" not in link and not (page.parent / link).exists()] == []
