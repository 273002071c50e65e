"""The reference of `use_case.yaml`, made from the sections themselves; `make docs` writes it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from include.use_case import UseCase

_HEAD = """# use_case.yaml

Every setting, its form and its default, made with `make docs`. Unknown settings are refused. Shares and
alphas lie between 0 and 1; durations are days of data time.
"""


def render() -> str:
    """Return the reference as Markdown."""
    parts, done = [_HEAD], set()
    pending: list[type[BaseModel]] = [UseCase]
    while pending:
        section = pending.pop(0)
        if section in done:
            continue
        done.add(section)
        parts.append(_section(section))
        pending += [part for field in section.model_fields.values() for part in _sections(field.annotation)]
    return "\n".join(parts)


def _section(section: type[BaseModel]) -> str:
    lines = [f"## {section.__name__}", "", inspect.cleandoc(section.__doc__ or ""), ""]
    lines += ["| setting | form | default | |", "|---|---|---|---|"]
    for name, field in section.model_fields.items():
        description = (field.description or "").replace("|", "\\|")
        lines.append(f"| `{name}` | {_form(field.annotation)} | {_default(field)} | {description} |")
    return "\n".join([*lines, ""])


def _sections(annotation: Any) -> list[type[BaseModel]]:
    """Return the sections that a type mentions, in order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _sections(part)]


def _form(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    forms: dict[Any, Callable[[], str]] = {
        Annotated: lambda: _form(parts[0]),
        Literal: lambda: ", ".join(f"`{value}`" for value in parts),
        Union: lambda: " or ".join(map(_form, parts)),
        UnionType: lambda: " or ".join(map(_form, parts)),
        list: lambda: f"list of {_form(parts[0])}",
        dict: lambda: f"mapping to {_form(parts[1])}",
    }
    if origin in forms:
        return forms[origin]()
    if annotation is type(None):
        return "nothing"
    name = getattr(annotation, "__name__", str(annotation))
    return f"[{name}](#{name.lower()})" if _sections(annotation) else name


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined:
        return "none"
    if isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, list) and value and isinstance(value[0], BaseModel):
        return ", ".join(f"`{item.model_dump(exclude_defaults=True)}`" for item in value)
    return f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(render())
