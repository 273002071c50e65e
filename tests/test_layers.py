"""Imports point one way, and what every task pays for at its start stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from include.settings import PROJECT_ROOT

STAGES = {
    "ingestion",
    "features",
    "training",
    "evaluation",
    "promotion",
    "scoring",
    "monitoring",
    "maintenance",
}
# Calls the stages in the order of the DAGs, without Airflow.
ORCHESTRATOR = "simulation"
HEAVY = {
    "pandas",
    "numpy",
    "scipy",
    "sklearn",
    "mlflow",
    "great_expectations",
    "evidently",
    "deltalake",
    "pyarrow",
}


def sources(folder: str) -> list[Path]:
    return sorted((PROJECT_ROOT / folder).rglob("*.py"))


def imported(path: Path, *, module_level_only: bool = False) -> set[str]:
    """Return the dotted names that a file imports, without those under TYPE_CHECKING, which cost nothing."""
    names: set[str] = set()
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        deferred = module_level_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if for_types or deferred:
            continue
        pending.extend(ast.iter_child_nodes(node))
    return names


def roots(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("path", sources("include"), ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_the_library_knows_nothing_of_airflow_and_of_those_who_use_it(path: Path) -> None:
    assert not roots(imported(path)) & {"airflow", "airlock", "plugins", "dags", "cli", "bench"}


def stage_of(path: Path) -> str:
    return path.relative_to(PROJECT_ROOT / "include").parts[0]


@pytest.mark.parametrize("path", sources("include"), ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_stages_meet_in_tables_and_never_import_each_other(path: Path) -> None:
    own = stage_of(path)
    if own == ORCHESTRATOR:
        return
    used = {
        name.split(".")[1] for name in imported(path) if name.startswith("include.") and name.count(".") >= 1
    }
    assert not (used & STAGES) - {own}, "shared code belongs into the foundation or into include/stats"
    assert ORCHESTRATOR not in used, "the simulation calls the stages, as the DAGs do; nobody calls it"


@pytest.mark.parametrize("path", sources("include/stats"), ids=lambda path: path.name)
def test_statistics_read_no_store(path: Path) -> None:
    used = {name for name in imported(path) if name.startswith("include.")}
    allowed = ("include.stats", "include.partitions")
    assert all(name.startswith(allowed) for name in used)


@pytest.mark.parametrize(
    "path", [*sources("dags"), *sources("plugins")], ids=lambda path: str(path.relative_to(PROJECT_ROOT))
)
def test_dag_files_and_plugins_import_nothing_heavy_at_module_level(path: Path) -> None:
    assert not roots(imported(path, module_level_only=True)) & HEAVY


@pytest.mark.parametrize("path", sources("dags"), ids=lambda path: path.name)
def test_dag_files_reach_the_library_through_the_plugin_package_only(path: Path) -> None:
    assert "include" not in roots(imported(path))
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 150


def test_no_plugin_module_is_named_after_a_library() -> None:
    # Airflow would execute it under its bare name and replace the library in sys.modules.
    names = {path.stem for path in (PROJECT_ROOT / "plugins").glob("*.py")}
    assert names == {"airlock_plugin"}


def test_airflow_does_not_execute_our_package_as_plugins(tmp_path: Path) -> None:
    script = (
        "from airflow.plugins_manager import _get_plugins\n"
        "plugins, errors = _get_plugins()\n"
        "import sys\n"
        "assert not errors, errors\n"
        "print(sorted(plugin.name for plugin in plugins if plugin.name == 'airlock'))\n"
        "ours = ('ingestion', 'monitoring', 'pages', 'declaration')\n"
        "print(sorted(name for name in ours if name in sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "PYTHONPATH": str(PROJECT_ROOT),
            "PATH": "/usr/bin:/bin",
        },
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["['airlock']", "[]"]
