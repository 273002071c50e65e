"""A run made again from what was kept with it, whatever has changed since."""

import io
import json
import zipfile

import numpy as np
import pytest
import skops.io
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression

from cli.main import main
from include.errors import ConfigurationError, NotFound
from include.registry import RECIPE_FILE
from include.training import reproduction
from include.training.contents import contents_digest
from include.training.reproduction import reproduce
from include.training.stage import train

STOPPING = {
    "model": {
        "kind": "gradient_boosting",
        "max_iter": 30,
        "min_samples_leaf": 10,
        "early_stopping_rounds": 3,
    },
    "sample_weights": {"kind": "recency", "half_life_days": 4},
    "search": {"trials": 2, "folds": 2, "space": {"learning_rate": {"low": 0.05, "high": 0.2}}},
}


def trained(home, use_case=None):
    return train(
        use_case or home.use_case, home.as_of, reason="t", actor="t", workspace=home.workspace
    ).run_id


def test_a_run_is_reproduced_after_data_and_declaration_have_changed(made):
    home = made("multiclass", training=STOPPING)
    run_id = trained(home)
    home.write_day("2013-01-04", shift=2.0, seed=99)
    (home.folder / "features.py").write_text("raise RuntimeError('changed since')\n")
    found = reproduce(run_id, home.workspace)
    assert found.holds
    assert (found.data, found.metrics, found.surroundings) == (True, {}, [])
    assert found.compared_metrics > 20
    assert found.rows == 12 * 60
    for model in (found.model, found.baseline):
        assert (model.predictions, model.contents, model.largest_difference) == (True, True, 0.0)
        assert not model.file, "addresses in memory differ, so that the claim about them is needed"
    assert len(home.workspace.ledger.find(gate="training")) == 1


def test_other_surroundings_are_told(made, monkeypatch):
    home = made("binary")
    run_id = trained(home)
    now = {**reproduction.installed(), "scikit-learn": "9.9.9"}
    monkeypatch.setattr(reproduction, "installed", lambda: now)
    monkeypatch.setattr(reproduction, "code_version", lambda: "abc")
    found = reproduce(run_id, home.workspace)
    code, package = found.surroundings
    assert code.endswith("now it is abc")
    assert package.startswith("scikit-learn was ")
    assert package.endswith("now it is 9.9.9")
    assert found.holds


def with_recipe(home, run_id, **changes):
    registry = home.workspace.registry
    kept = json.loads(registry.file(run_id, RECIPE_FILE))
    registry.log_files(run_id, {RECIPE_FILE: json.dumps({**kept, **changes}).encode()})


def test_what_differs_is_told(made):
    """A recipe with another seed of the forest stands for all that may go wrong."""
    forest = {"model": {"kind": "random_forest", "n_estimators": 5}}
    home = made("regression", training=forest)
    run_id = trained(home)
    with_recipe(home, run_id, seed=5, content="other rows")
    found = reproduce(run_id, home.workspace)
    assert not found.holds
    assert not found.data
    assert (found.model.predictions, found.model.contents) == (False, False)
    assert found.model.largest_difference > 0
    assert found.baseline.predictions
    assert "holdout.rmse" in found.metrics
    assert "baseline.holdout.rmse" not in found.metrics


def test_a_recipe_of_another_release_says_so(made):
    home = made("binary")
    run_id = trained(home)
    with_recipe(home, run_id, more="of this")
    with pytest.raises(ConfigurationError, match=r"does not fit this release of Airlock"):
        reproduce(run_id, home.workspace)


def test_what_airlock_did_not_train_is_not_found(made):
    home = made("binary")
    registry = home.workspace.registry
    with pytest.raises(NotFound, match="MLflow has no run 0000"):
        reproduce("0000", home.workspace)
    run = registry.client.create_run(registry.experiment_id("made"))
    with pytest.raises(NotFound, match=r"has no file recipe\.json; Airlock did not train it"):
        reproduce(run.info.run_id, home.workspace)


def test_the_command_says_what_it_found(made, monkeypatch):
    home = made("count")
    run_id = trained(home)
    monkeypatch.setattr("cli.commands.reproduce.open_workspace", lambda: home.workspace)
    told = CliRunner().invoke(main, ["reproduce", run_id])
    assert told.exit_code == 0, told.output
    assert "720 predictions equal to the last bit, and so are the file's contents" in told.stdout
    assert "reproduced    yes" in told.stdout
    with_recipe(home, run_id, content="other rows")
    told = CliRunner().invoke(main, ["reproduce", run_id, "--json"])
    assert (told.exit_code, json.loads(told.stdout)["holds"]) == (1, False)


# Contents of a stored model


def archive(c=1.0, flip=False):
    x = np.arange(12.0).reshape(6, 2)
    y = np.array([0, 1, 0, 1, 1, 1])
    return skops.io.dumps(LogisticRegression(C=c).fit(x, 1 - y if flip else y))


def test_the_same_model_has_the_same_contents_in_other_bytes():
    one, other = archive(), archive()
    assert one != other
    assert contents_digest(one) == contents_digest(other)


@pytest.mark.parametrize("change", [{"c": 2.0}, {"flip": True}], ids=["a setting", "what was learned"])
def test_another_model_has_other_contents(change):
    assert contents_digest(archive()) != contents_digest(archive(**change))


def test_a_changed_array_is_another_content():
    content = archive()
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            data = before.read(name)
            after.writestr(name, data if name == "schema.json" else data[:-1] + bytes([data[-1] ^ 1]))
    assert contents_digest(changed.getvalue()) != contents_digest(content)
