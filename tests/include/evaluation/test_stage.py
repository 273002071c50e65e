"""Evaluation: on days that the run never saw, on the same rows for both models, registered only then."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest

from cli.environment import base_environment
from include.champions import newest_champion
from include.errors import ConfigurationError, GateRefused, GateUndecided, Outage
from include.evaluation.stage import evaluate
from include.feature_sets import load_features
from include.features.stage import build
from include.registry import CANDIDATE, CHAMPION, MODEL_TAG, Registry
from include.settings import Settings
from include.stats.auc import auc_with_variance, paired_auc_difference
from include.training.stage import train
from include.training_sets import read_labelled
from tests.include.conftest import AS_OF, EASY, LATER

WITH_CHAMPION = {
    "evaluation.gates": [
        *EASY["evaluation.gates"],
        {"kind": "champion", "metric": "roc_auc", "margin": 0.2, "alpha": 0.05},
    ]
}
REQUIRED = (
    "use_case use_case_hash as_of reason code_version seed feature_set_version training_set train_partitions "
    "holdout_partitions table_versions training_key training_decision baseline model_sha256 "
    "evaluation_decision"
)


def trained(workspace, use_case, as_of=AS_OF):
    return train(use_case, as_of, reason="tests", actor="tests", workspace=workspace).run_id


def evaluated(workspace, use_case, run_id, as_of=AS_OF):
    return evaluate(use_case, run_id, as_of, actor="tests", workspace=workspace)


def registered(workspace):
    return workspace.registry.client.search_model_versions("name = 'flights'")


def evidence_of(workspace, decision_id):
    return workspace.ledger.get(decision_id).evidence


# What is judged


def test_the_holdout_is_after_all_training_days(tried, easy):
    run_id = trained(tried, easy)
    found = evidence_of(tried, evaluated(tried, easy, run_id).decision_id)
    assert list(found["day_losses"]) == [f"2013-01-{day:02d}" for day in range(7, 14)]
    train_days = tried.registry.run(run_id).data.tags["airlock.train_partitions"]
    assert train_days.endswith("..2013-01-06")
    assert found["rows"] == sum(day["rows"] for day in found["day_losses"].values())


def test_the_figures_are_those_of_the_saved_models(tried, easy):
    """Computed again, from the run's own models and the lake."""
    run_id = trained(tried, easy)
    found = evidence_of(tried, evaluated(tried, easy, run_id).decision_id)
    names = load_features(easy, tried.settings).names
    rows = read_labelled(easy, list(found["day_losses"]), AS_OF, tried.lake).rows
    label, days = rows["label"].to_numpy(), rows["partition"].to_numpy()
    score, simple = (
        tried.registry.load(tried.registry.tagged_model(run_id, tag)).predict_proba(rows[names])[:, 1]
        for tag in (MODEL_TAG, "airlock.baseline")
    )
    expected = auc_with_variance(label, score, days)
    figures = found["figures"]
    assert figures["metric:roc_auc"]["value"] == pytest.approx(expected.auc)
    assert figures["metric:roc_auc"]["standard_error"] == pytest.approx(expected.standard_error)
    assert found["metrics"]["roc_auc"] == pytest.approx(expected.auc)
    assert figures["baseline:roc_auc"]["other"] == pytest.approx(auc_with_variance(label, simple, days).auc)
    assert found["positives"] == label.sum()


def test_the_champion_is_compared_on_the_same_rows(challenged, easy):
    run_id = trained(challenged, easy, LATER)
    found = evidence_of(challenged, evaluated(challenged, easy, run_id, LATER).decision_id)
    assert (found["champion_state"], found["champion_version"]) == ("compared", "1")
    names = load_features(easy, challenged.settings).names
    rows = read_labelled(easy, list(found["day_losses"]), LATER, challenged.lake).rows
    registry = challenged.registry
    candidate, champion = (
        registry.load(model).predict_proba(rows[names])[:, 1]
        for model in (registry.tagged_model(run_id, MODEL_TAG), registry.version_model("flights", "1"))
    )
    expected = paired_auc_difference(rows["label"], candidate, champion, rows["partition"])
    figure = found["figures"]["champion:roc_auc"]
    assert {
        name: figure[name] for name in figure if name not in ("kind", "higher_is_better")
    } == pytest.approx(
        {
            "candidate": expected.auc_a,
            "other": expected.auc_b,
            "standard_error": expected.standard_error,
            "degrees_of_freedom": expected.degrees_of_freedom,
        }
    )
    metrics = registry.run(run_id).data.metrics
    assert metrics["holdout.roc_auc_champion"] == pytest.approx(expected.auc_b)


def test_a_declaration_that_changed_meanwhile_does_not_move_the_holdout(tried, easy, changed):
    """Evaluated under a longer holdout, training days would be judged; the run knows its own days."""
    run_id = trained(tried, easy)
    longer = changed(easy, {"training.holdout_days": 12, "training.min_training_partitions": 1})
    found = evidence_of(tried, evaluated(tried, longer, run_id).decision_id)
    assert min(found["day_losses"]) == "2013-01-07"


def test_a_run_is_evaluated_as_of_its_own_date_only(tried, easy):
    run_id = trained(tried, easy)
    with pytest.raises(ConfigurationError, match="was trained as of 2013-01-14, not 2013-01-08"):
        evaluated(tried, easy, run_id, "2013-01-08")
    assert tried.ledger.find(gate="evaluation") == []


def test_later_writes_do_not_change_the_holdout(tried, easy):
    """Between training and evaluation a day is written anew; the recorded versions are read."""
    run_id = trained(tried, easy)
    labels = tried.lake.read("flights", "labels", partitions=["2013-01-10"])
    turned = labels[["row_key", "known_at"]].assign(label=1 - labels["label"].astype("Int8"))
    tried.lake.write_partition("flights", "labels", "2013-01-10", turned, source_hash="s", contract_hash="c")
    found = evidence_of(tried, evaluated(tried, easy, run_id).decision_id)
    usual = labels["label"].dropna().mean()
    positives = read_labelled(easy, ["2013-01-10"], AS_OF, tried.lake).rows["label"].mean()
    assert positives == pytest.approx(1 - usual)
    assert found["day_losses"]["2013-01-10"]["log_loss"] < 0.8


# What comes of it


def test_a_candidate_that_passes_is_registered_with_all_its_tags(tried, easy):
    run_id = trained(tried, easy)
    candidate = evaluated(tried, easy, run_id)
    (version,) = registered(tried)
    assert (str(version.version), version.run_id) == (candidate.version, run_id)
    tags = tried.registry.client.get_model_version("flights", candidate.version).tags
    assert {f"airlock.{name}" for name in REQUIRED.split()} <= set(tags)
    assert tags["airlock.evaluation_decision"] == candidate.decision_id
    assert tried.registry.alias_version("flights", CANDIDATE) == candidate.version
    assert tried.registry.alias_version("flights", CHAMPION) is None
    shown = tried.registry.client.get_model_version("flights", candidate.version).description
    assert "# Late arrivals of flights from New York, version 1" in shown
    assert "None yet: this version was never in use." in shown
    files = {file.path for file in tried.registry.client.list_artifacts(run_id)}
    assert {"model_card.md", "model_card.html"} <= files
    run = tried.registry.run(run_id)
    assert run.data.tags["airlock.evaluation"] == "pass"
    assert (
        run.data.metrics["holdout.roc_auc"] == evidence_of(tried, candidate.decision_id)["metrics"]["roc_auc"]
    )


def test_evaluating_again_changes_nothing(tried, easy):
    run_id = trained(tried, easy)
    first, decisions = evaluated(tried, easy, run_id), tried.ledger.verify()
    assert evaluated(tried, easy, run_id) == first
    assert tried.ledger.verify() == decisions
    assert len(registered(tried)) == 1


def test_the_champion_evaluated_again_is_not_compared_with_itself(championed, flying):
    """Otherwise a training that runs twice would write another decision, and refuse under a margin of 0."""
    run_id, decisions = trained(championed, flying), championed.ledger.verify()
    candidate = evaluated(championed, flying, run_id)
    assert championed.ledger.verify() == decisions
    assert evidence_of(championed, candidate.decision_id)["champion_state"] == "none"


def floor(minimum):
    return {"evaluation.gates": [{"kind": "floor", "metric": "roc_auc", "min": minimum, "alpha": 0.05}]}


SHUT = {
    "refused": (floor(0.9), GateRefused, "refuse", "floor: AUC"),
    "too close to say": (floor(0.58), GateUndecided, "undecided", "too close to say"),
    "too few rows": (EASY | {"evaluation.min_rows": 10_000}, GateUndecided, "undecided", "needed 10000"),
}


@pytest.mark.parametrize("case", SHUT.values(), ids=SHUT)
def test_a_shut_door_registers_nothing_and_keeps_the_champion(challenged, flying, easy, changed, case):
    changes, error, verdict, message = case
    use_case = changed(flying, changes)
    run_id = trained(challenged, easy, LATER)
    with pytest.raises(error, match=message) as shut:
        evaluated(challenged, use_case, run_id, LATER)
    assert challenged.ledger.get(shut.value.decision_id).verdict.value == verdict
    assert challenged.registry.run(run_id).data.tags["airlock.evaluation"] == verdict
    assert [str(version.version) for version in registered(challenged)] == ["1"]
    assert challenged.registry.alias_version("flights", CHAMPION) == "1"
    assert challenged.registry.alias_version("flights", CANDIDATE) == "1"


def test_a_holdout_of_one_class_is_undecided(featured, easy, changed):
    """Labels of the holdout that all say late."""
    version = load_features(easy, featured.settings).version
    for day in [f"2013-01-{day:02d}" for day in range(7, 14)]:
        labels = featured.lake.read("flights", "labels", partitions=[day])[["row_key", "label", "known_at"]]
        late = labels.assign(label=labels["label"].astype("Int8") * 0 + 1)
        featured.lake.write_partition("flights", "labels", day, late, source_hash="s", contract_hash=version)
    run_id = trained(featured, easy)
    with pytest.raises(GateUndecided, match="the holdout holds one class only"):
        evaluated(featured, easy, run_id)
    assert registered(featured) == []


def test_an_older_run_does_not_take_the_place_of_a_newer_candidate(championed, easy, changed):
    earlier = changed(easy, {"training.min_training_partitions": 4, "training.holdout_days": 7})
    run_id = trained(championed, earlier, "2013-01-12")
    candidate = evaluated(championed, earlier, run_id, "2013-01-12")
    assert candidate.version == "2"
    assert evidence_of(championed, candidate.decision_id)["champion_state"] == "newer"
    assert championed.registry.alias_version("flights", CANDIDATE) == "1"


def test_a_champion_that_needs_other_features_is_incompatible(championed, flying, easy, changed, open_home):
    declared = championed.settings.use_cases_dir / "flights" / "features.py"
    folder = championed.settings.home / "use_cases" / "flights"
    folder.mkdir(parents=True)
    (folder / "features.py").write_text(declared.read_text().replace("def distance(", "def miles("))
    other = open_home(championed.settings.home, use_cases_dir=folder.parent)
    for day in [f"2013-01-{day:02d}" for day in range(8, 17)]:
        build(flying, day, actor="tests", workspace=other)
    older = newest_champion(other.ledger, "flights").feature_set_version
    other.lake.open("flights", "features").delete(f"feature_set_version = '{older}'")
    use_case = changed(easy, WITH_CHAMPION | {"training.min_training_partitions": 2})
    run_id = trained(other, use_case, LATER)
    with pytest.raises(GateRefused, match="version 1 cannot score today's features"):
        evaluated(other, use_case, run_id, LATER)


# MLflow dies between the verdict and the registration


class MlflowServer:
    """MLflow's own server over a folder; it can be killed and started again."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            self.port = held.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        # As Airlock starts it: with its queue of jobs it would be several processes, each with all of MLflow.
        environment = base_environment(Settings(_env_file=None, home=self.folder))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        while True:
            try:
                urllib.request.urlopen(f"{self.address}/health").close()  # noqa: S310 -- our own server
            except OSError:
                assert self.process.poll() is None, (self.folder / "log").read_text()[-3000:]
                time.sleep(0.2)
            else:
                return

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class DyingRegistry(Registry):
    """Kills the server at the moment of a call, as a lost machine would."""

    def __init__(self, settings, server, call):
        super().__init__(settings)
        self._server, self._call = server, call

    def register(self, *arguments, **options):
        if self._call == "register":
            self._server.kill()
        return super().register(*arguments, **options)

    def set_alias(self, *arguments):
        if self._call == "set_alias":
            self._server.kill()
        super().set_alias(*arguments)


@pytest.fixture
def server(featured_home, tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "mlflow.db").write_bytes((featured_home / "mlflow" / "mlflow.db").read_bytes())
    server = MlflowServer(folder)
    server.start()
    yield server
    if server.process.poll() is None:
        server.kill()


@pytest.mark.servers
def test_mlflow_killed_around_the_registration_leaves_nothing_half_done(featured, easy, open_home, server):
    home = featured.settings.home
    run_id = None
    for call in ("register", "set_alias"):
        workspace = open_home(home, mlflow_tracking_uri=server.address)
        run_id = trained(workspace, easy)
        workspace.registry = DyingRegistry(workspace.settings, server, call)
        with pytest.raises(Outage, match=r"does not answer.*the task will be tried again"):
            evaluated(workspace, easy, run_id)
        (decision,) = workspace.ledger.find(gate="evaluation")
        assert decision.verdict.opens
        server.start()
        versions = registered(open_home(home, mlflow_tracking_uri=server.address))
        assert len(versions) == (call == "set_alias")
        for version in versions:
            assert {f"airlock.{name}" for name in REQUIRED.split()} <= set(version.tags)
    workspace = open_home(home, mlflow_tracking_uri=server.address)
    candidate = evaluated(workspace, easy, run_id)
    assert (candidate.decision_id, candidate.version) == (decision.id, "1")
    assert len(registered(workspace)) == 1
    assert workspace.registry.alias_version("flights", CANDIDATE) == "1"
    rows = workspace.lake.read("flights", "features", partitions=["2013-01-18"])
    model = workspace.registry.load(workspace.registry.version_model("flights", "1"))
    assert np.isfinite(model.predict_proba(rows)[:, 1]).all()
    assert json.loads(workspace.registry.run(run_id).data.tags["airlock.model"])["sha256"]
