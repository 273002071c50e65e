"""Training of a candidate: what its run tells, when it is the same run, and what stops it."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest

from include.errors import GateRefused, Outage
from include.feature_sets import load_features
from include.registry import BASELINE_TAG, MODEL_TAG
from include.training import stage
from include.training.stage import train

AS_OF = "2013-01-14"


def trained(workspace, use_case, as_of=AS_OF, reason="tests"):
    return train(use_case, as_of, reason=reason, actor="tests", workspace=workspace)


def runs(workspace, use_case="flights"):
    client = workspace.registry.client
    return client.search_runs([workspace.registry.experiment_id(use_case)])


@pytest.fixture(scope="module")
def run(championed_home, open_home):
    """The run behind the champion, as MLflow knows it."""
    workspace = open_home(championed_home)
    (found,) = runs(workspace)
    return workspace, found


# What a run tells


def test_the_tags_name_everything_that_the_model_was_made_from(run, flying):
    workspace, found = run
    declared = workspace.use_case("flights")
    tags = {name.removeprefix("airlock."): value for name, value in found.data.tags.items()}
    versions = {name: workspace.lake.version("flights", name) for name in ("features", "labels")}
    expected = {
        "use_case": "flights",
        "as_of": AS_OF,
        "reason": "tests",
        "seed": str(declared.training.seed),
        "feature_set_version": load_features(declared, workspace.settings).version,
        "train_partitions": "2013-01-01..2013-01-06",
        "holdout_partitions": "2013-01-07..2013-01-13",
        "missing_partitions": "",
        "table_versions": json.dumps(versions, separators=(",", ":")),
        "training_set": " ".join(
            f"flights/{name}@{number}[2013-01-01..2013-01-13]" for name, number in versions.items()
        ),
    }
    assert {name: tags[name] for name in expected} == expected
    assert len(tags["use_case_hash"]) == 64
    assert tags["code_version"]
    assert workspace.ledger.get(tags["training_decision"]).gate == "training"


def test_the_parameters_hold_both_models_the_seed_and_the_threads(run):
    workspace, found = run
    rule = workspace.use_case("flights").training
    assert found.data.params == {
        **{f"model.{name}": str(value) for name, value in rule.model.model_dump().items()},
        **{f"baseline.{name}": str(value) for name, value in rule.baseline.model_dump().items()},
        "seed": str(rule.seed),
        "omp_num_threads": "1",
    }
    assert found.data.metrics["train_rows"] > 4000


def test_the_model_carries_signature_example_requirements_and_reference(run):
    import mlflow

    workspace, found = run
    names = load_features(workspace.use_case("flights"), workspace.settings).names
    model = workspace.registry.tagged_model(found.info.run_id, MODEL_TAG)
    folder = workspace.registry.model_folder(model)
    about = mlflow.models.Model.load(str(folder))
    assert about.signature.inputs.input_names() == names
    assert about.signature.outputs is not None
    assert list(about.load_input_example(str(folder)).columns) == names
    lines = (folder / "requirements.txt").read_text().split()
    assert {f"{name}=={version(name)}" for name in ("scikit-learn", "skops", "pandas", "numpy")} <= set(lines)
    reference = pd.read_parquet(next(folder.rglob("reference.parquet")))
    assert list(reference.columns) == [*names, "label", "score"]
    assert len(reference) == 2000
    np.testing.assert_array_equal(
        workspace.registry.load(model).predict_proba(reference[names])[:, 1], reference["score"]
    )


def test_no_pickle_is_stored(run):
    workspace, found = run
    for tag in (MODEL_TAG, BASELINE_TAG):
        folder = workspace.registry.model_folder(workspace.registry.tagged_model(found.info.run_id, tag))
        assert (folder / "model.skops").is_file()
        assert not [path for path in folder.rglob("*") if path.suffix in {".pkl", ".pickle", ".joblib"}]


def test_the_baseline_is_another_model_on_the_same_rows(run):
    workspace, found = run
    kinds = {
        tag: type(workspace.registry.load(workspace.registry.tagged_model(found.info.run_id, tag))["model"])
        for tag in (MODEL_TAG, BASELINE_TAG)
    }
    assert [kind.__name__ for kind in kinds.values()] == [
        "HistGradientBoostingClassifier",
        "LogisticRegression",
    ]


# The same run


def test_the_same_inputs_give_the_same_run(championed, flying):
    (before,) = runs(championed)
    decisions = championed.ledger.verify()
    again = trained(championed, flying)
    assert again.run_id == before.info.run_id
    assert len(runs(championed)) == 1
    assert championed.ledger.verify() == decisions
    assert championed.ledger.get(again.decision_id).gate == "training"


CHANGES = {
    "another seed": {"training.seed": 4},
    "another window": {"training.window_days": 15},
    "another model": {"training.model.max_iter": 5},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_other_inputs_give_another_run(tried, easy, changed, changes):
    first = trained(tried, easy)
    assert trained(tried, changed(easy, changes)).run_id != first.run_id
    assert len(runs(tried)) == 2


@pytest.mark.parametrize("moment", ["before this one has ended", "while this one ended"])
def test_of_two_trainings_at_once_the_first_to_end_stands(featured, easy, monkeypatch, moment):
    others, registry = [], featured.registry

    def overtaken(*arguments):
        fit_and_log(*arguments)
        monkeypatch.setattr(stage, "fit_and_log", fit_and_log)
        # MLflow has one open run a thread.
        with ThreadPoolExecutor(1) as other:
            others.append(other.submit(trained, featured, easy).result().run_id)
        if moment == "while this one ended":
            looked = iter([None])
            monkeypatch.setattr(
                registry,
                "finished_run",
                lambda *asked: next(looked, type(registry).finished_run(registry, *asked)),
            )

    fit_and_log = stage.fit_and_log
    monkeypatch.setattr(stage, "fit_and_log", overtaken)
    assert [trained(featured, easy).run_id] == others
    (found,) = runs(featured)
    assert (found.info.run_id, found.info.status) == (others[0], "FINISHED")
    assert trained(featured, easy).run_id == others[0]


def test_trained_twice_the_predictions_are_equal_to_the_last_bit(featured, tried, easy):
    """Two installations that share nothing but the data."""
    found = []
    for workspace in (featured, tried):
        rows = workspace.lake.read("flights", "features", partitions=["2013-01-18"])
        run_id = trained(workspace, easy).run_id
        models = [workspace.registry.tagged_model(run_id, tag) for tag in (MODEL_TAG, BASELINE_TAG)]
        found.append([workspace.registry.load(model).predict_proba(rows) for model in models])
    assert found[0][0].std() > 0
    np.testing.assert_array_equal(found[0], found[1])


def test_a_candidate_learns_from_its_training_days_only(tried, easy):
    """Other labels in the holdout, and other days after the as-of, change nothing in the model."""
    features = load_features(easy, tried.settings)
    first = trained(tried, easy)
    labels = tried.lake.read("flights", "labels", partitions=["2013-01-10"])
    turned = labels[["row_key", "known_at"]].assign(label=1 - labels["label"].astype("Int8"))
    tried.lake.write_partition(
        "flights", "labels", "2013-01-10", turned, source_hash="turned", contract_hash=features.version
    )
    second = trained(tried, easy)
    assert second.run_id != first.run_id
    rows = tried.lake.read("flights", "features", partitions=["2013-01-18"])[features.names]
    scores = [
        tried.registry.load(tried.registry.tagged_model(run_id, MODEL_TAG)).predict_proba(rows)
        for run_id in (first.run_id, second.run_id)
    ]
    np.testing.assert_array_equal(*scores)


# What stops it

REFUSALS = {
    "too few days": ({}, "2013-01-10", "2 partitions to learn from, needed 6"),
    "before all data": ({}, "2013-01-01", "0 partitions to learn from"),
    "too few held out": (
        {"training.min_holdout_partitions": 8},
        AS_OF,
        "7 partitions held out, needed 8",
    ),
    "a feature that tells too much": (
        {"training.max_single_feature_auc": 0.55},
        AS_OF,
        "alone reaches AUC .* it looks like a leak",
    ),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_recorded_and_trains_nothing(featured, flying, changed, case):
    changes, as_of, message = case
    with pytest.raises(GateRefused, match=message) as refused:
        trained(featured, changed(flying, changes), as_of)
    assert runs(featured) == []
    decision = featured.ledger.get(refused.value.decision_id)
    assert (decision.gate, decision.verdict.value, decision.as_of) == ("training", "refuse", as_of)
    assert decision.evidence["reason"] == "tests"


def test_a_planted_leak_is_refused(featured, flying):
    """Features that were written with the label among them."""
    for day in [f"2013-01-{day:02d}" for day in range(1, 14)]:
        rows = featured.lake.read("flights", "features", partitions=[day])
        labels = featured.lake.read("flights", "labels", partitions=[day]).set_index("row_key")["label"]
        leaking = rows["row_key"].map(labels).astype("float64")
        planted = rows.drop(
            columns=["partition", "ingested_at", "source_hash", "contract_hash", "content_hash"]
        )
        featured.lake.write_partition(
            "flights", "features", day, planted.assign(distance=leaking), source_hash="s", contract_hash="c"
        )
    with pytest.raises(GateRefused, match=r"feature distance alone reaches AUC 1\.000"):
        trained(featured, flying)
    assert runs(featured) == []


def test_rows_of_older_definitions_are_refused(featured, flying, open_home):
    declared = featured.settings.use_cases_dir / "flights" / "features.py"
    folder = featured.settings.home / "use_cases" / "flights"
    folder.mkdir(parents=True)
    (folder / "features.py").write_text(declared.read_text().replace("high=6000", "high=5000"))
    other = open_home(featured.settings.home, use_cases_dir=folder.parent)
    with pytest.raises(GateRefused, match=r"were built with feature versions .* rebuild-features flights"):
        trained(other, flying)
    assert runs(featured) == []


def test_a_number_without_any_value_is_not_learned_from(featured, easy):
    """A sensor that is broken for weeks: the trees could not be fitted to it."""
    for day in [f"2013-01-{day:02d}" for day in range(1, 14)]:
        rows = featured.lake.read("flights", "features", partitions=[day])
        planted = rows.drop(
            columns=["partition", "ingested_at", "source_hash", "contract_hash", "content_hash"]
        )
        featured.lake.write_partition(
            "flights",
            "features",
            day,
            planted.assign(visibility=float("nan")),
            source_hash="s",
            contract_hash="c",
        )
    run = trained(featured, easy)
    rows = featured.lake.read("flights", "features", partitions=["2013-01-18"])
    assert rows["visibility"].notna().any()
    for tag in (MODEL_TAG, BASELINE_TAG):
        model = featured.registry.load(featured.registry.tagged_model(run.run_id, tag))
        assert np.isfinite(model.predict_proba(rows)).all()


def test_missing_days_are_listed(featured, easy, changed):
    early = changed(easy, {"source.start_date": pd.Timestamp("2012-12-30").date()})
    run = trained(featured, early)
    decision = featured.ledger.get(run.decision_id)
    assert decision.verdict.value == "warn"
    assert decision.reasons == ["no usable rows for 2012-12-30, 2012-12-31: never landed"]
    tags = featured.registry.run(run.run_id).data.tags
    assert tags["airlock.missing_partitions"] == "2012-12-30 2012-12-31"


@pytest.mark.timeout(120)
def test_without_mlflow_the_decision_stays_and_nothing_else_does(featured, easy, open_home):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"http://user:secret@127.0.0.1:{held.getsockname()[1]}"
    cut_off = open_home(featured.settings.home, mlflow_tracking_uri=address)
    with pytest.raises(
        Outage, match=r"MLflow at http://127.0.0.1:\d+ does not answer.*Start it or correct"
    ) as down:
        trained(cut_off, easy)
    assert "secret" not in str(down.value).partition(":")[0]
    (decision,) = featured.ledger.find(gate="training")
    assert decision.verdict.value == "pass"
    assert runs(featured) == []
    assert featured.registry.client.search_model_versions() == []
    run = trained(featured, easy)
    assert run.decision_id == decision.id
