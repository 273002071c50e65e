"""Options and arguments that commands share, and the workspace that they work on."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import pydantic

from include import partitions
from include.errors import ConfigurationError
from include.settings import Settings, get_settings

if TYPE_CHECKING:
    from include.workspace import Workspace

_Command = TypeVar("_Command", bound=Callable[..., Any])


def partition_key(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Check a data date as it is typed: a mistake in it is one of usage."""
    try:
        return value if value is None else partitions.key_of(partitions.parse(value))
    except ConfigurationError as error:
        raise click.BadParameter(str(error)) from error


def examples(*lines: str) -> str:
    """Return the end of a command's help: lines that a person may copy."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def json_option(command: _Command) -> _Command:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout, for scripts.")(command)


def read_settings() -> Settings:
    """Return the settings of this installation, or say which of them is wrong."""
    try:
        return get_settings()
    except pydantic.ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        told = "; ".join(f"AIRLOCK_{str(item['loc'][0]).upper()}: {item['msg']}" for item in wrong)
        raise ConfigurationError(
            f"A setting is wrong. {told}. Correct it in .env or the environment"
        ) from None


def open_workspace() -> Workspace:
    """Return the stores of this installation. Nothing is opened before it is used."""
    from include.workspace import Workspace

    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for chatty in ("mlflow", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return Workspace(read_settings())


def typed_address(ctx: click.Context, address: str) -> str:
    """Return a folder or URL as it was meant where the person stands."""
    if "://" in address:
        return address
    return str(Path(ctx.find_object(Path) or Path.cwd(), address))
