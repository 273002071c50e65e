"""What is saved is what is tested: equal answers to the last bit, in a process of its own."""

import json
import shutil
from types import SimpleNamespace

import pandas as pd
import pytest

from include.errors import ArtefactCorrupted, UseCaseError
from include.registry import GOLDEN_FILE, MODEL_TAG, REFERENCE_FILE
from include.saved_models import Question, check_saved, examined
from include.training.golden import golden_rows
from include.training.stage import train

GOLDEN = [{"size": 1.5, "other": 0.0, "shop": "north"}, {"size": -2.0}, {"shop": "nowhere"}]


@pytest.fixture
def saved(made):
    """A run of several classes with golden inputs."""
    home = made("multiclass")
    (home.folder / "golden.json").write_text(json.dumps(GOLDEN))
    home.run_id = train(home.use_case, home.as_of, reason="t", actor="t", workspace=home.workspace).run_id
    return home


def checked(home, use_case=None):
    check_saved(use_case or home.use_case, home.run_id, home.workspace.registry, threads=1)
    return {
        name.removeprefix("artefact."): value
        for name, value in home.workspace.registry.run(home.run_id).data.metrics.items()
        if name.startswith("artefact.")
    }


def test_a_fresh_process_gives_the_same_answers_and_tells_what_they_cost(saved):
    fresh = saved.changed(training={"fresh_process": True})
    found = checked(saved, fresh)
    assert set(found) == {"load_s", "one_ms", "bulk_s", "memory_mb"}
    assert all(value > 0 for value in found.values())
    assert found["memory_mb"] > 50
    assert checked(saved, fresh) == found, "a run keeps the figures that it was judged by"


def test_what_a_killed_evaluation_did_not_log_is_logged_by_the_next(saved):
    saved.workspace.registry.log_to_run(saved.run_id, metrics={"artefact.one_ms": 5.0}, tags={})
    found = checked(saved)
    assert set(found) == {"load_s", "one_ms", "bulk_s"}
    assert found["one_ms"] == 5.0


def test_in_this_process_the_memory_says_nothing(saved):
    assert set(checked(saved)) == {"load_s", "one_ms", "bulk_s"}


def folder_of(home):
    registry = home.workspace.registry
    return registry.model_folder(registry.tagged_model(home.run_id, MODEL_TAG))


def test_golden_inputs_are_kept_with_their_answers(saved):
    kept = pd.read_parquet(next(folder_of(saved).rglob(GOLDEN_FILE)))
    assert kept["size"].tolist()[:2] == [1.5, -2.0]
    assert kept["shop"].tolist() == ["north", None, "nowhere"]
    assert kept["predicted"].tolist()[1] == "cat"
    assert (kept["score"] > 0).all()
    found = examined(Question(folder=folder_of(saved), problem=saved.use_case.problem.model_dump()))
    assert found.compared == {REFERENCE_FILE: 480, GOLDEN_FILE: 3}
    assert found.unequal == {}


def moved(home, monkeypatch, change):
    """Let the registry give files in which something is other than what was trained."""
    folder = home.workspace.settings.home / "moved"
    shutil.copytree(folder_of(home), folder)
    change(folder)
    monkeypatch.setattr(type(home.workspace.registry), "model_folder", lambda *_: folder)


def off_by_a_bit(folder):
    path = next(folder.rglob(GOLDEN_FILE))
    rows = pd.read_parquet(path)
    rows.loc[1, "score_dog"] += 1e-16
    rows.to_parquet(path)


@pytest.mark.parametrize("fresh", [False, True], ids=["here", "fresh process"])
def test_an_answer_that_differs_in_its_last_bit_stops_the_model(saved, monkeypatch, fresh):
    moved(saved, monkeypatch, off_by_a_bit)
    with pytest.raises(ArtefactCorrupted, match=r"answers otherwise .*: 1 of 3 in golden\.parquet"):
        checked(saved, saved.changed(training={"fresh_process": fresh}))
    assert "artefact.one_ms" not in saved.workspace.registry.run(saved.run_id).data.metrics


def test_a_model_that_cannot_be_loaded_alone_stops_there(saved, monkeypatch):
    moved(saved, monkeypatch, lambda folder: (folder / "model.skops").write_bytes(b"no zip"))
    with pytest.raises(ArtefactCorrupted, match=r"cannot be used in a fresh process: .*not a zip file"):
        checked(saved, saved.changed(training={"fresh_process": True}))


WRONG = {
    "no JSON": ("[", "is not readable as JSON"),
    "no rows": ("[]", "must hold a list of objects"),
    "no objects": ("[1]", "must hold a list of objects"),
    "no such feature": ('[{"sise": 1}]', r"names \['sise'\], which are no features"),
    "text for a number": ('[{"size": "big"}]', "gives no number for feature size"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_wrong_golden_inputs_are_told(tmp_path, text, message):
    names = {"numbers": ["size", "other"], "categories": ["shop"], "names": ["size", "other", "shop"]}
    (tmp_path / "golden.json").write_text(text)
    with pytest.raises(UseCaseError, match=message):
        golden_rows(SimpleNamespace(folder=tmp_path, **names))
