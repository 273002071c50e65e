"""The saved model is what is tested: loaded back in a process that did not train it, it must answer the same.

The evaluation is such a process already, because Airflow gives each task its own. With
`training.fresh_process` one more is started, in which only what a model needs to answer is imported: a
dependency on anything else shows, and its memory is that of the model alone. As a program this module reads
its question as JSON from standard input and prints the figures as JSON.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from include.errors import ArtefactCorrupted
from include.problems import ProblemKind, kind_of
from include.registry import GOLDEN_FILE, MODEL_TAG, REFERENCE_FILE, Registry
from include.settings import PROJECT_ROOT
from include.use_case import UseCase
from include.use_case_sections import Problem

if TYPE_CHECKING:
    import pandas as pd

BULK = 10_000
_ONE_AT_A_TIME = 15
_MODEL_FILE, _ABOUT_FILE = "model.skops", "MLmodel"
# A model that takes longer to load and to be asked is beyond every budget.
_PATIENCE_SECONDS = 600
_MEMORY = "artefact.memory_mb"


class Question(BaseModel):
    """What a fresh process is asked: the model in a folder, for a kind of problem."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    problem: dict[str, Any]


class Saved(BaseModel):
    """How a saved model answered.

    Attributes:
        unequal: rows by file whose scores differ from those that the training process gave.
        compared: rows by file that were compared.
        load_s: seconds to load it.
        one_ms: median milliseconds to answer one row.
        bulk_s: seconds to answer 10,000 rows at once.
        memory_mb: most memory that the process ever held, its libraries included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unequal: dict[str, int]
    compared: dict[str, int]
    load_s: float
    one_ms: float
    bulk_s: float
    memory_mb: float

    @property
    def metrics(self) -> dict[str, float]:
        """The figures as metrics of the run."""
        names = ("load_s", "one_ms", "bulk_s", "memory_mb")
        return {f"artefact.{name}": getattr(self, name) for name in names}


def check_saved(use_case: UseCase, run_id: str, registry: Registry, *, threads: int) -> None:
    """Compare the answers of a run's saved candidate with those of its training, and log what they cost.

    The figures are logged once: asked again, a run keeps those that it was judged by.

    Args:
        use_case: whose model it is.
        run_id: of the training.
        registry: where it is saved.
        threads: OpenMP threads.

    Raises:
        ArtefactCorrupted: it cannot be loaded, or a score differs in its last bit.
        Outage: MLflow does not answer.
    """
    if not registry.saves_models:
        return
    model = registry.tagged_model(run_id, MODEL_TAG)
    question = Question(folder=registry.model_folder(model), problem=use_case.problem.model_dump(mode="json"))
    fresh = use_case.training.fresh_process
    saved = _asked_afresh(question, model.uri, threads) if fresh else examined(question)
    if saved.unequal:
        rows = [f"{count} of {saved.compared[name]} in {name}" for name, count in saved.unequal.items()]
        raise ArtefactCorrupted(
            f"The saved model {model.uri} answers otherwise than the one that was trained: "
            f"{', '.join(rows)}. What is saved is what would be used, so it goes no further; look for state "
            "that the estimator does not save"
        )
    kept = registry.run(run_id).data.metrics
    # Of a process that has done more than this, the memory says nothing of the model.
    told = {name: value for name, value in saved.metrics.items() if fresh or name != _MEMORY}
    if new := {name: value for name, value in told.items() if name not in kept}:
        registry.log_to_run(run_id, metrics=new, tags={})


def _asked_afresh(question: Question, uri: str, threads: int) -> Saved:
    done = subprocess.run(
        [sys.executable, "-m", "include.saved_models"],
        input=question.model_dump_json(),
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_ROOT,
        timeout=_PATIENCE_SECONDS,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT), "OMP_NUM_THREADS": str(threads)},
    )
    if done.returncode != 0:
        raise ArtefactCorrupted(
            f"The saved model {uri} cannot be used in a fresh process: {_last_line(done.stderr)}"
        )
    return Saved.model_validate_json(done.stdout.splitlines()[-1])


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1][:400]


def examined(question: Question) -> Saved:
    """Load the model and ask it, in this process."""
    import pandas as pd
    import skops.io  # noqa: F401 -- its import is no part of the time to load a model

    section: TypeAdapter[Problem] = TypeAdapter(Problem)
    kind = kind_of(section.validate_python(question.problem))
    start = time.perf_counter()
    model = loaded(question.folder)
    load_s = time.perf_counter() - start
    kept = {
        name: pd.read_parquet(path)
        for name in (REFERENCE_FILE, GOLDEN_FILE)
        for path in question.folder.rglob(name)
    }
    unequal = {name: _unequal(kind, model, rows) for name, rows in kept.items()}
    one_ms, bulk_s = _speed(kind, model, kept[REFERENCE_FILE])
    return Saved(
        unequal={name: count for name, count in unequal.items() if count},
        compared={name: len(rows) for name, rows in kept.items()},
        load_s=round(load_s, 4),
        one_ms=round(one_ms, 3),
        bulk_s=round(bulk_s, 4),
        memory_mb=round(_most_memory() / 1e6, 1),
    )


def _most_memory() -> int:
    """Return the most bytes that this process ever held."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Unlike `getrusage`, which still counts what the parent held when this process was forked from it.
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="ascii"))
        if found:
            return int(found[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def loaded(folder: Path) -> Any:
    """Load a model as MLflow does, without importing MLflow."""
    import skops.io
    import yaml

    about = yaml.safe_load((folder / _ABOUT_FILE).read_text(encoding="utf-8"))
    trusted = about["flavors"]["sklearn"].get("skops_trusted_types")
    return skops.io.load(folder / _MODEL_FILE, trusted=trusted)


def _unequal(kind: ProblemKind, model: Any, rows: pd.DataFrame) -> int:
    given, kept = kind.scores(model, rows), kind.restored(rows)
    different = given != kept
    return int(different.any(axis=1).sum() if different.ndim > 1 else different.sum())


def _speed(kind: ProblemKind, model: Any, rows: pd.DataFrame) -> tuple[float, float]:
    import statistics

    def seconds(asked: pd.DataFrame) -> float:
        start = time.perf_counter()
        kind.scores(model, asked)
        return time.perf_counter() - start

    one = statistics.median(seconds(rows.iloc[[index % len(rows)]]) for index in range(_ONE_AT_A_TIME))
    return one * 1000, seconds(rows.iloc[[index % len(rows) for index in range(BULK)]])


if __name__ == "__main__":
    sys.stdout.write(examined(Question.model_validate(json.load(sys.stdin))).model_dump_json() + "\n")
