"""Policies that a simulation compares: fragments of YAML laid over the declared use case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from include.declarations import explained, read_mapping
from include.errors import UseCaseError
from include.use_case import UseCase

DECLARED = "declared"
SECTIONS = ("training", "evaluation", "promotion", "monitoring", "alerts")
_FOLDER = Path(__file__).parent / "policies"


@dataclass(frozen=True)
class Policy:
    """A name and the use case that the policy makes of the declared one."""

    name: str
    use_case: UseCase


def builtin_names() -> list[str]:
    """Return the names that need no file."""
    return [DECLARED, *sorted(path.stem for path in _FOLDER.glob("*.yaml"))]


def read_policy(name_or_path: str, use_case: UseCase, *, folder: Path | None = None) -> Policy:
    """Return the declared use case with a policy laid over it.

    Args:
        name_or_path: `declared`, the name of a policy that Airlock ships, or a YAML file.
        use_case: as it is declared.
        folder: where a relative path starts; the current folder when left out.

    Raises:
        UseCaseError: there is no such policy, it holds a section that is no policy, or a value is wrong.
    """
    if name_or_path == DECLARED:
        return Policy(DECLARED, without_reports(use_case))
    shipped = _FOLDER / f"{name_or_path}.yaml"
    path = shipped if name_or_path in builtin_names() else Path(folder or Path.cwd(), name_or_path)
    if not path.is_file():
        raise UseCaseError(
            f"There is no policy {name_or_path!r}; name a YAML file or one of {', '.join(builtin_names())}"
        )
    fragment = read_mapping(path)
    if unknown := sorted(set(fragment) - set(SECTIONS)):
        raise UseCaseError(f"{path}: {', '.join(unknown)}: is no policy; possible are {', '.join(SECTIONS)}")
    content = _laid_over(use_case.model_dump(), fragment)
    try:
        changed = UseCase.model_validate(content)
    except ValidationError as error:
        raise UseCaseError("\n".join(f"{path}: {line}" for line in explained(error, content))) from None
    return Policy(path.stem, without_reports(changed))


def without_reports(use_case: UseCase) -> UseCase:
    """Return the use case without its reports, which are for people and decide nothing."""
    monitoring = use_case.monitoring.model_copy(update={"report": False})
    training = use_case.training.model_copy(update={"report": "none"})
    return use_case.model_copy(update={"monitoring": monitoring, "training": training})


def _laid_over(content: dict[str, Any], fragment: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the values that the fragment names; lists and other kinds of a union are replaced whole."""
    merged = dict(content)
    for name, value in fragment.items():
        known = merged.get(name)
        same_kind = isinstance(known, dict) and isinstance(value, Mapping)
        same_kind = same_kind and value.get("kind", known.get("kind")) == known.get("kind")  # type: ignore[union-attr]
        merged[name] = _laid_over(known, value) if same_kind else value  # type: ignore[arg-type]
    return merged
