"""What is kept with a run so that it can be made again, whatever becomes of the declaration and the code."""

from __future__ import annotations

import platform
from functools import lru_cache
from importlib.metadata import distributions
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from include.decisions import code_version
from include.errors import ConfigurationError
from include.hashing import canonical_json
from include.registry import RECIPE_FILE, Registry
from include.training.assembling import TrainingSet
from include.use_case import UseCase
from include.use_case_sections import Model

LOCK_FILE = "environment/requirements.lock"


class KeptRecipe(BaseModel):
    """All that a run was made from, by name, and the figures that it gave.

    Attributes:
        use_case: the whole declaration, defaults included.
        tables: versions of the tables that were read.
        content: hash of what was read.
        model, baseline: the sections as they were fitted: after a search, and after early stopping.
        custom_code: hashes of the files of custom models.
        packages: versions of everything installed.
        metrics: figures of both models on both sides.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    use_case: dict[str, Any]
    as_of: str
    tables: dict[str, int]
    content: str
    feature_set_version: str
    names: list[str]
    numbers: list[str]
    categories: list[str]
    model: dict[str, Any]
    baseline: dict[str, Any]
    seed: int
    threads: int
    code_version: str
    custom_code: dict[str, str]
    python: str
    packages: dict[str, str]
    metrics: dict[str, float]

    @classmethod
    def of(
        cls, training_set: TrainingSet, *, model: Model, baseline: Model, metrics: dict[str, float]
    ) -> KeptRecipe:
        recipe = training_set.recipe
        return cls(
            use_case=training_set.use_case.model_dump(mode="json"),
            as_of=training_set.as_of,
            tables={ref.table: ref.version for ref in training_set.labelled.refs},
            content=training_set.labelled.content,
            feature_set_version=training_set.features.version,
            names=recipe.names,
            numbers=recipe.numbers,
            categories=recipe.categories,
            model=model.model_dump(mode="json"),
            baseline=baseline.model_dump(mode="json"),
            seed=recipe.seed,
            threads=recipe.threads,
            code_version=code_version(),
            custom_code=training_set.custom_code,
            python=platform.python_version(),
            packages=installed(),
            metrics=metrics,
        )

    @property
    def declared(self) -> UseCase:
        """The declaration as it was.

        Raises:
            ConfigurationError: another release of Airlock wrote it, and this one does not understand it.
        """
        try:
            return UseCase.model_validate_json(canonical_json(self.use_case))
        except ValidationError as error:
            raise ConfigurationError(
                f"The declaration kept with the run does not fit this release of Airlock: {error}. Check out "
                f"the code that trained it: {self.code_version}"
            ) from error

    @property
    def models(self) -> tuple[Model, Model]:
        """The sections of the candidate and of its baseline."""
        section: TypeAdapter[Model] = TypeAdapter(Model)
        return section.validate_python(self.model), section.validate_python(self.baseline)

    @property
    def content_bytes(self) -> bytes:
        return self.model_dump_json(indent=1).encode()


def kept_with(registry: Registry, run_id: str) -> KeptRecipe:
    """Return the recipe of a run.

    Raises:
        NotFound: the run does not exist, or Airlock did not train it.
        ConfigurationError: another release of Airlock wrote it, and this one does not understand it.
    """
    try:
        return KeptRecipe.model_validate_json(registry.file(run_id, RECIPE_FILE))
    except ValidationError as error:
        raise ConfigurationError(
            f"The recipe of run {run_id} does not fit this release of Airlock: {error}. Check out the code "
            "that trained it; the run's tag airlock.code_version names it"
        ) from error


@lru_cache(maxsize=1)
def installed() -> dict[str, str]:
    """Return the version of each installed package, by its name."""
    found = {str(item.metadata["Name"]).lower(): item.version for item in distributions()}
    return dict(sorted(found.items()))


def environment_lock() -> bytes:
    """Return the installed packages as a requirements file."""
    head = f"# Python {platform.python_version()} on {platform.system()} {platform.machine()}\n"
    return (head + "".join(f"{name}=={version}\n" for name, version in installed().items())).encode()
