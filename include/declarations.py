"""Files that people write: read as strict YAML, and explained line by line where they are wrong."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from include.errors import UseCaseError
from include.use_case_sections import DEFAULT_KIND

_MAX_BYTES = 1_000_000
_MAX_DEPTH = 32
_MAX_SHOWN = 120


class _StrictLoader(yaml.CSafeLoader):
    """Refuses repeated keys, of which YAML would silently keep the last, and names the line of a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _mistake("a name must be plain text", key.start_mark)
            if key.value in seen:
                raise _mistake(f"{key.value!r} stands here twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            # PyYAML lets the errors of int(), date() and the like through, without their place.
            kind = node.tag.rpartition(":")[2]
            raise _mistake(f"{_shown(node.value)} is not a {kind}", node.start_mark) from error


def _mistake(what: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, what, mark)


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping, as strictly as a declaration.

    Raises:
        UseCaseError: it cannot be read, or holds something else.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise UseCaseError(f"{path}: holds no mapping of sections")
    return content


def read_yaml(path: Path, shown: Path | None = None) -> Any:
    """Read a YAML file without what makes a small file large: no aliases, no depth, no repeated names.

    Raises:
        UseCaseError: it cannot be read, is too large, or is no such YAML; the message names the line.
    """
    shown = shown or path
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UseCaseError(f"{shown}: cannot be read: {error.strerror}") from error
    if len(raw) > _MAX_BYTES:
        raise UseCaseError(
            f"{shown}: larger than {_MAX_BYTES} bytes, which no declaration needs; split the data out"
        )
    try:
        return _parse(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UseCaseError(f"{shown}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise UseCaseError(f"{shown}: not readable as YAML: {line}{error.problem}") from error
    except yaml.YAMLError as error:
        raise UseCaseError(f"{shown}: not readable as YAML: {' '.join(str(error).split())}") from error


def _parse(text: str) -> Any:
    # Aliases let a small file grow without bound, and deep nesting overflows the C parser's stack, which ends
    # the process: look at the events before loading.
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _mistake("aliases are not allowed", event.start_mark)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise _mistake(f"nested deeper than {_MAX_DEPTH} levels", event.start_mark)
    return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 -- derived from the safe loader


def explained(error: ValidationError, content: dict[str, Any]) -> Iterable[str]:
    """Yield one line for each mistake: its place as written in the file, the value and the remedy."""
    for problem in error.errors(include_url=False):
        where = _place(problem["loc"], content) or "whole file"
        value, message, context = _shown(problem["input"]), problem["msg"], problem.get("ctx", {})
        match problem["type"]:
            case "literal_error":
                yield f"{where}: {value} is not possible; choose one of {context['expected']}"
            case "union_tag_invalid":
                tag = _shown(context["tag"])
                yield f"{where}.kind: {tag} is not possible; choose one of {context['expected_tags']}"
            case "union_tag_not_found":
                yield f"{where}.kind: is missing; it says which of the alternatives this is"
            case "missing":
                yield f"{where}: is missing; add it"
            case "extra_forbidden":
                yield f"{where}: is not a known setting; remove it or correct its spelling"
            case "value_error":
                yield f"{where}: {message.removeprefix('Value error, ')}"
            case _:
                yield f"{where}: {value}: {message}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _place(location: tuple[int | str, ...], content: Any) -> str:
    """Spell a location as written in the file: tags of unions, which pydantic inserts, are left out."""
    place, in_union = "", False
    for part in location:
        if isinstance(content, dict) and content.get("kind", DEFAULT_KIND) == part and not in_union:
            in_union = True
            continue
        if isinstance(content, list) and isinstance(part, int):
            place += f"[{part}]"
            content = content[part] if part < len(content) else None
        else:
            place += f".{part}" if place else str(part)
            content = content.get(part) if isinstance(content, dict) else None
        in_union = False
    return place
