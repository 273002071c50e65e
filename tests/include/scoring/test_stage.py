"""Batch scoring: the champion of the data date, the features as they were learned, and nothing twice."""

import io

import numpy as np
import pandas as pd
import pytest

from include.champions import newest_champion
from include.errors import ArtefactCorrupted, ConfigurationError, NotFound, NothingToDo
from include.feature_sets import load_features
from include.features.building import build_features
from include.features.stage import build
from include.registry import MODEL_TAG
from include.scoring.stage import score

DAY = "2013-01-16"


def predictions(workspace, day=DAY):
    return workspace.lake.read("flights", "predictions", partitions=[day])


def champion_model(workspace):
    champion = newest_champion(workspace.ledger, "flights")
    return workspace.registry.load(workspace.registry.tagged_model(champion.run_id, MODEL_TAG))


def test_every_row_is_scored_once_by_the_champion(championed):
    found = predictions(championed)
    features = championed.lake.read("flights", "features", partitions=[DAY])
    champion = newest_champion(championed.ledger, "flights")
    assert found["row_key"].tolist() == features["row_key"].tolist()
    assert found["event_time"].equals(features["event_time"])
    assert set(found["model_version"]) == {champion.version}
    assert set(found["promotion_id"]) == {champion.decision_id}
    assert set(found["contract_hash"]) == {champion.model.sha256}
    assert found["score"].between(0, 1).all()
    assert found["known_at"].equals(features["known_at"])


def test_one_definition_of_a_feature(championed, flying):
    """A day's raw rows, through the definitions as training read them: the batch's scores to the last bit."""
    features = load_features(flying, championed.settings)
    rows = championed.lake.read("flights", "batches", partitions=[DAY])
    weather = championed.lake.read("flights", "side_weather", partitions=["2013-01-15", DAY])
    sums = championed.lake.read("flights", "feature_aggregates")
    frame, _ = build_features(flying, features, rows, {"weather": weather}, sums)
    scores = champion_model(championed).predict_proba(frame[features.names])[:, 1]
    np.testing.assert_array_equal(predictions(championed)["score"], scores)


def test_the_rows_of_the_training_frame_are_scored_as_the_run_scored_them(championed, flying):
    """The reference kept with the model holds the scores of training; the lake's rows give the same."""
    names = load_features(flying, championed.settings).names
    champion = newest_champion(championed.ledger, "flights")
    folder = championed.registry.model_folder(champion.model)
    reference = pd.read_parquet(io.BytesIO(next(folder.rglob("reference.parquet")).read_bytes()))
    days = [f"2013-01-{day:02d}" for day in range(1, 7)]
    rows = championed.lake.read("flights", "features", partitions=days)
    rows = rows.assign(score=champion_model(championed).predict_proba(rows[names])[:, 1])
    joined = reference.merge(rows, on=names, how="left", suffixes=("", "_now"))
    assert len(joined) >= len(reference) == 2000
    np.testing.assert_array_equal(joined["score"], joined["score_now"])


def test_scoring_again_changes_nothing(championed, flying):
    version, before = championed.lake.version("flights", "predictions"), predictions(championed)
    _, ref = score(flying, DAY, workspace=championed)
    assert (championed.lake.version("flights", "predictions"), ref.version) == (version, version)
    pd.testing.assert_frame_equal(predictions(championed), before)


@pytest.mark.parametrize("day", ["2013-01-01", "2013-01-13"])
def test_before_the_first_champion_there_is_nothing_to_do(championed, flying, day):
    with pytest.raises(NothingToDo, match=f"flights had no champion on {day}; train one with flights.train"):
        score(flying, day, workspace=championed)
    assert championed.lake.partitions("flights", "predictions")[0] == "2013-01-14"


def test_a_cold_start_is_nothing_to_do(featured, flying):
    with pytest.raises(NothingToDo):
        score(flying, DAY, workspace=featured)
    assert featured.lake.partitions("flights", "predictions") == []


def test_without_features_there_is_nothing_to_score(championed, flying):
    with pytest.raises(NotFound, match=r"No features of flights are published for 2013-01-30; run flights"):
        score(flying, "2013-01-30", workspace=championed)


def test_features_of_other_definitions_are_not_scored(championed, flying, open_home):
    """The same names, another meaning: only the version can tell."""
    declared = championed.settings.use_cases_dir / "flights" / "features.py"
    folder = championed.settings.home / "use_cases" / "flights"
    folder.mkdir(parents=True)
    text = declared.read_text().replace('rows["distance"].astype', '(rows["distance"] * 1.609).astype')
    assert text != declared.read_text()
    (folder / "features.py").write_text(text)
    other = open_home(championed.settings.home, use_cases_dir=folder.parent)
    build(flying, DAY, actor="tests", workspace=other)
    before = predictions(championed)
    champion, _ = score(flying, DAY, workspace=other)
    pd.testing.assert_frame_equal(predictions(championed), before)  # from its own rows, which stand beside
    other.lake.open("flights", "features").delete(f"feature_set_version = '{champion.feature_set_version}'")
    with pytest.raises(ConfigurationError, match=r"champion 1 learned from .*features.beside.*today's"):
        score(flying, DAY, workspace=other)
    pd.testing.assert_frame_equal(predictions(championed), before)


def test_a_changed_model_file_scores_nothing(championed, flying):
    version = championed.lake.version("flights", "predictions")
    folder = championed.registry.model_folder(newest_champion(championed.ledger, "flights").model)
    with (folder / "model.skops").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ArtefactCorrupted):
        score(flying, DAY, workspace=championed)
    assert championed.lake.version("flights", "predictions") == version


def test_an_alias_moved_by_hand_does_not_decide(championed, flying):
    """The ledger says who the champion is, whatever MLflow's alias points at."""
    championed.registry.delete_alias("flights", "champion")
    champion, _ = score(flying, DAY, workspace=championed)
    assert champion.version == "1"


@pytest.mark.parametrize("day", ["16.1.2013", "2013-02-30", ""])
def test_a_wrong_partition_key_is_refused(championed, flying, day):
    with pytest.raises(ConfigurationError, match="Partition key"):
        score(flying, day, workspace=championed)
