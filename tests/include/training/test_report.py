"""The report of a run: what it shows by kind of problem, and that it needs nothing from elsewhere."""

import re

import pytest

from include.training.stage import train

PLOTS = {
    "binary": {"roc", "precision_recall", "calibration", "confusion", "lift"},
    "multiclass": {"confusion", "calibration"},
    "regression": {"residuals", "calibration", "lift"},
    "count": {"residuals", "calibration", "lift"},
}
ALWAYS = {"by_day", "importance"}
PNG = b"\x89PNG"


def reported(made, kind, report, **training):
    home = made(kind, title="Late <b>trips</b>", training={"report": report, **training})
    run = train(home.use_case, home.as_of, reason="t", actor="t", workspace=home.workspace)
    return home.workspace.registry, run.run_id


def names(registry, run_id):
    return {item.path.removeprefix("report/") for item in registry.client.list_artifacts(run_id, "report")}


@pytest.mark.parametrize("kind", PLOTS)
def test_a_report_has_the_plots_of_its_kind(made, kind):
    registry, run_id = reported(made, kind, "light")
    plots = PLOTS[kind] | ALWAYS
    assert names(registry, run_id) == {"evaluation.html", *(f"{name}.png" for name in plots)}
    for name in plots:
        assert registry.file(run_id, f"report/{name}.png").startswith(PNG)
    page = registry.file(run_id, "report/evaluation.html").decode()
    assert page.count("data:image/png;base64,") == len(plots)
    assert not re.search(r"(src|href)=\"(?!data:)", page), "self-contained"
    assert "Late &lt;b&gt;trips&lt;/b&gt;" in page
    assert f"./airlock reproduce {run_id}" in page
    assert "made/features@11[2013-01-01..2013-01-12]" in page


def test_metrics_have_bounds_around_them(made):
    registry, run_id = reported(made, "regression", "light")
    found = registry.run(run_id).data.metrics
    for name in ("rmse", "mae", "r2"):
        assert found[f"holdout.{name}.low"] < found[f"holdout.{name}"] < found[f"holdout.{name}.high"]
    page = registry.file(run_id, "report/evaluation.html").decode()
    assert f"{found['holdout.rmse.low']:.4f} to {found['holdout.rmse.high']:.4f}" in page
    assert f"{found['naive_seasonal.holdout.rmse']:.4f}" in page


# SHAP asks matplotlib for its colours in the old way when it is imported; theirs to mend.
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_full_report_has_the_dear_plots_too(made):
    forest = {"kind": "random_forest", "n_estimators": 10, "max_depth": 4}
    registry, run_id = reported(made, "regression", "full", model=forest)
    assert {"learning_curve.png", "shap.png"} <= names(registry, run_id)


def test_without_a_report_there_is_the_recipe_and_the_environment(made):
    registry, run_id = reported(made, "binary", "none")
    assert names(registry, run_id) == set()
    assert "scikit-learn==" in registry.file(run_id, "environment/requirements.lock").decode()
