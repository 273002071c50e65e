"""Definitions on their way to other machines.

A definition is sent as it stands, its code and the globals that it uses, because the worker that runs it has
no `features.py` of the use case. What cannot travel, such as a lock or an open connection, is told when the
features are declared and not when a rebuild of years has begun.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from include.errors import UseCaseError

if TYPE_CHECKING:
    from include.feature_kinds import RowFeature
    from include.feature_sets import FeatureSet


def require_shippable(features: FeatureSet) -> None:
    """Check that every definition can be sent, but for those that say themselves that they cannot.

    Raises:
        UseCaseError: a definition cannot be sent and does not say so.
    """
    for feature in features.of_rows:
        if feature.engine == "any":
            _ship(features, feature)


def ship(features: FeatureSet) -> bytes:
    """Return the features as bytes, which `pickle.loads` reads where cloudpickle is installed.

    Raises:
        UseCaseError: a definition can be run here only.
    """
    for feature in features.of_rows:
        if feature.engine == "pandas":
            raise UseCaseError(
                f"Feature {feature.name!r} is declared with engine='pandas', so it is never sent to Spark; "
                "rebuild this use case with ./airlock rebuild-features, which runs on this machine"
            )
        _ship(features, feature)
    return _pickled(features, features)


def _ship(features: FeatureSet, feature: RowFeature) -> None:
    try:
        _pickled(features, feature.build)
    except Exception as error:  # whatever a value raises when it is to be written down
        raise UseCaseError(
            f"Feature {feature.name!r} cannot be sent to a worker of Spark: {type(error).__name__}: {error}. "
            "Let its function make what it needs itself, or declare engine='pandas' and rebuild without Spark"
        ) from error


def _pickled(features: FeatureSet, content: object) -> bytes:
    import cloudpickle

    own = {feature.build.__module__ for feature in features.of_rows} - {"__main__"}

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        """Refuses what is only named by its module when another machine has no such module."""

        def reducer_override(self, obj: Any) -> Any:
            if (name := _named_by(obj)) is not None and name not in own and not _everywhere(name):
                raise ModuleNotFoundError(f"its module {name!r} is no installed one; move what is used here")
            return super().reducer_override(obj)

    written = io.BytesIO()
    with _by_value(own):
        Pickler(written).dump(content)
    return written.getvalue()


@contextmanager
def _by_value(modules: set[str]) -> Iterator[None]:
    import cloudpickle

    added = [sys.modules[name] for name in sorted(modules) if name in sys.modules]
    added = [module for module in added if module.__name__ not in cloudpickle.list_registry_pickle_by_value()]
    for module in added:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in added:
            cloudpickle.unregister_pickle_by_value(module)


def _named_by(value: object) -> str | None:
    if isinstance(value, ModuleType):
        return value.__name__
    return value.__module__ if isinstance(value, FunctionType | type) else None


def _everywhere(module: str) -> bool:
    top = module.partition(".")[0]
    return top in sys.builtin_module_names or top in sys.stdlib_module_names or _installed(top)


def _installed(name: str) -> bool:
    return PathFinder.find_spec(name) is not None
