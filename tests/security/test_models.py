"""A model's files are data: altered, unsigned or pickled ones are never loaded."""

from __future__ import annotations

import ast
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import skops.io
import yaml

from include.artefacts import SIGNATURE, TRUSTED_TYPES, Seal, model_digest
from include.errors import ArtefactCorrupted
from include.model_versions import LoggedModel
from include.registry import Registry
from include.settings import PROJECT_ROOT, Settings
from tests.security.test_input import CODE

_RUN_CODE = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle"}
_CALLS = {"read_pickle", "to_pickle", "eval", "exec", "allow_pickle"}


# Spark's workers get the feature functions from the driver that started them, over its own connection.
# Nothing of it is kept or read from a store.
SHIPPED = {"feature_shipping.py:cloudpickle", "spark.py:pickle"}


class Store(Registry):
    """A registry whose store is a folder."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(settings)
        self.folder = folder

    def _download(self, uri: str, target: Path) -> Path:
        return Path(shutil.copytree(self.folder, target))


class Exploding:
    """What a pickle can hold: it runs when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("/nonexistent/exploded"),)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, home=tmp_path / "home")


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    """A model's folder as MLflow writes it, signed by this installation."""
    from sklearn.linear_model import LogisticRegression

    folder = tmp_path / "stored"
    folder.mkdir()
    skops.io.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), folder / "model.skops")
    about(folder, "skops")
    Seal(settings).sign(folder)
    return folder


def about(folder: Path, stored_as: str) -> None:
    flavor = {
        "pickled_model": "model.skops" if stored_as == "skops" else "model.pkl",
        "serialization_format": stored_as,
        "skops_trusted_types": TRUSTED_TYPES,
    }
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": {"sklearn": flavor}}))


def _pickled(folder: Path) -> None:
    (folder / "model.skops").unlink()
    (folder / "model.pkl").write_bytes(pickle.dumps(Exploding()))
    about(folder, "pickle")


def _pickled_in_disguise(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(pickle.dumps(Exploding()))


def _with_code(folder: Path) -> None:
    (folder / "code").mkdir()
    (folder / "code" / "sitecustomize.py").write_text("raise SystemExit")


def _unsaid(folder: Path) -> None:
    (folder / "MLmodel").write_text("flavors: {python_function: {}}")


def test_a_sound_model_is_found(settings: Settings, folder: Path) -> None:
    found = Store(settings, folder).model_folder(LoggedModel(uri="models:/m-1", sha256=model_digest(folder)))
    assert (found / "model.skops").is_file()


SIGNED = {
    "pickled": (_pickled, "stored as 'pickle' with model.pkl"),
    "a pickle beside": (_pickled_in_disguise, "stored as 'skops' with model.pkl"),
    "code beside": (_with_code, "with sitecustomize.py"),
    "unsaid": (_unsaid, "does not say how it is stored"),
}


@pytest.mark.parametrize(("change", "said"), SIGNED.values(), ids=SIGNED)
def test_a_model_that_could_run_code_is_refused_though_it_is_signed(
    change: Callable[[Path], None], said: str, settings: Settings, folder: Path
) -> None:
    change(folder)
    Seal(settings).sign(folder)
    with pytest.raises(ArtefactCorrupted, match=said):
        Store(settings, folder).model_folder(LoggedModel(uri="models:/m-1", sha256=model_digest(folder)))


def _altered(folder: Path) -> None:
    content = bytearray((folder / "model.skops").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.skops").write_bytes(content)


ALTERED = {
    "one bit": (_altered, "hash to"),
    "one more file": (lambda folder: (folder / "more").write_text(""), "hash to"),
    "no signature": (lambda folder: (folder / SIGNATURE).unlink(), "carries no signature"),
    "a signature of nothing": (lambda folder: (folder / SIGNATURE).write_text("{}"), "does not hold"),
}


@pytest.mark.parametrize(("change", "said"), ALTERED.values(), ids=ALTERED)
def test_an_altered_or_unsigned_model_is_refused(
    change: Callable[[Path], object], said: str, settings: Settings, folder: Path
) -> None:
    recorded = LoggedModel(uri="models:/m-1", sha256=model_digest(folder))
    change(folder)
    with pytest.raises(ArtefactCorrupted, match=said):
        Store(settings, folder).model_folder(recorded)


def test_a_model_of_another_key_is_refused(settings: Settings, folder: Path, tmp_path: Path) -> None:
    other = Settings(_env_file=None, home=tmp_path / "other")
    Seal(other).sign(folder)
    with pytest.raises(ArtefactCorrupted, match="does not hold"):
        Store(settings, folder).model_folder(LoggedModel(uri="models:/m-1", sha256=model_digest(folder)))


def test_nowhere_is_anything_unpickled_or_evaluated() -> None:
    found = []
    for folder in CODE:
        for path in sorted((PROJECT_ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = _named(node)
                found += [f"{path.name}:{name}" for name in names]
    assert set(found) <= SHIPPED


def _named(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name for name in names if name.name.split(".")[0] in _RUN_CODE]
        case ast.ImportFrom(module=str(module)):
            return [module] if module.split(".")[0] in _RUN_CODE else []
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            # pandas' `DataFrame.eval` would be found as well, and is as bad.
            return [name] if name in _CALLS else []
        case ast.keyword(arg="allow_pickle"):
            return ["allow_pickle"]
    return []
