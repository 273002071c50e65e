"""Settings of a use case by their written place, such as `evaluation.gates[champion].alpha`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

_STEP = re.compile(r"([a-z_]+)(?:\[([a-z_]+)\])?")
Keys = tuple[str | int, ...]


class Place(NamedTuple):
    """One setting of one use case.

    Attributes:
        name: as it is written, with list items by number.
        keys: the way to it through the dumped content.
        written: whether the file says it; False where the default stands.
    """

    name: str
    keys: Keys
    value: Any
    written: bool


def leaves(section: BaseModel, name: str = "", keys: Keys = (), *, written: bool = True) -> Iterator[Place]:
    """Yield every single setting of a section, in order."""
    for field in type(section).model_fields:
        value = getattr(section, field)
        place = f"{name}.{field}" if name else field
        yield from _below(value, place, (*keys, field), written and field in section.model_fields_set)


def _below(value: Any, place: str, keys: Keys, written: bool) -> Iterator[Place]:
    if isinstance(value, BaseModel):
        yield from leaves(value, place, keys, written=written)
    elif isinstance(value, list) and value and isinstance(value[0], BaseModel):
        for index, item in enumerate(value):
            yield from leaves(item, f"{place}[{index}]", (*keys, index), written=written)
    else:
        yield Place(place, keys, value, written)


def places(section: BaseModel, setting: str) -> list[Place]:
    """Return the places that a setting names; a kind in brackets names every list item of that kind."""
    found: list[Place] = [Place("", (), section, True)]
    for field, kind in _steps(setting):
        found = [place for parent in found for place in _step(parent, field, kind)]
    return found


def _step(parent: Place, field: str, kind: str) -> Iterator[Place]:
    section = parent.value
    # A setting of another alternative, for example of another kind of model, is not there.
    if not isinstance(section, BaseModel) or field not in type(section).model_fields:
        return
    value, written = getattr(section, field), parent.written and field in section.model_fields_set
    name = f"{parent.name}.{field}" if parent.name else field
    if not kind:
        yield Place(name, (*parent.keys, field), value, written)
        return
    for index, item in enumerate(value):
        if item.kind == kind:
            yield Place(f"{name}[{index}]", (*parent.keys, field, index), item, written)


def exists(section: type[BaseModel], setting: str) -> bool:
    """Tell whether a setting can stand in a section, and is a single value there."""
    reached: set[type[BaseModel]] = {section}
    annotations: list[Any] = []
    for field, kind in _steps(setting):
        annotations = [one.model_fields[field].annotation for one in reached if field in one.model_fields]
        reached = {model for annotation in annotations for model in _models(annotation)}
        if kind:
            reached = {model for model in reached if _kind_of(model) == kind}
            annotations = []
    return bool(annotations) and not reached


def _kind_of(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("kind")
    values = get_args(field.annotation) if field else ()
    return str(values[0]) if values else None


def _models(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for part in get_args(annotation) for model in _models(part)}


def _steps(setting: str) -> list[tuple[str, str]]:
    return [(match[1], match[2] or "") for part in setting.split(".") if (match := _STEP.fullmatch(part))]
