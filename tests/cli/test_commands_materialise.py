"""The state for requests, renewed by hand and by the task that publishes features."""

from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from airlock.operators.features import BuildFeaturesOperator
from cli.landing import land_flights
from include import partitions
from include.features.online import open_online_store
from tests.cli.lifecycle_fixture import empty

DAYS = ("2013-01-07", "2013-01-08")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Two days of flights and weather, published as they landed; nothing was built from them yet."""
    installation = empty(tmp_path_factory.mktemp("materialise"))
    landing, lake = installation.home / "landing", installation.workspace.lake
    land_flights(str(landing), *DAYS)
    for day in DAYS:
        for table, folder in (("batches", "flights"), ("side_weather", "weather")):
            rows = pd.read_parquet(landing / folder / f"{day}.parquet")
            known = rows.assign(known_at=partitions.available_at(day))
            lake.write_partition("flights", table, day, known, source_hash="s", contract_hash="c")
    return installation


def test_a_person_renews_the_state_and_it_never_goes_back(published, tmp_path):
    installation = published.copy(tmp_path)
    for arguments, as_of in [
        (("--partition", "2013-01-07"), "2013-01-08"),
        ((), "2013-01-09"),
        (("--partition", "2013-01-07"), "2013-01-09"),
    ]:
        [head] = installation.json("materialise", "flights", *arguments)
        assert (head["use_case"], head["as_of"]) == ("flights", as_of)
    told = installation.run("materialise", "flights")
    assert "2013-01-09" in told.stdout
    assert "Requests of 2013-01-09 are answered exactly" in told.stderr
    assert (installation.home / "online.db").is_file()


def test_a_date_that_was_never_published_is_refused(published):
    told = published.run("materialise", "flights", "--partition", "2013-02-01")
    assert told.exit_code == 1
    assert "No batch of flights is published for 2013-02-01" in told.output


@pytest.mark.parametrize("enabled", [True, False])
def test_the_task_that_publishes_features_renews_it_where_that_is_wanted(
    published, tmp_path, monkeypatch, enabled
):
    installation = published.copy(tmp_path)
    path = installation.use_cases / "flights" / "use_case.yaml"
    content = yaml.safe_load(path.read_text()) | {"features": {"online": {"enabled": enabled}}}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    settings = installation.workspace.settings
    monkeypatch.setattr("include.workspace.get_settings", lambda: settings)
    monkeypatch.setattr("airlock.operators.base.AirlockOperator.emit_metrics", lambda *_: None)
    run = SimpleNamespace(partition_key="2013-01-08", triggering_user_name="ada", run_type="manual")
    references = BuildFeaturesOperator(task_id="build", use_case="flights").execute({"dag_run": run})
    assert references.get("online_as_of") == ("2013-01-09" if enabled else None)
    store = open_online_store(settings)
    head = store.head(f"flights:{_version(installation)}")
    store.close()
    assert (head is not None) is enabled


def _version(installation):
    rows = installation.workspace.lake.read("flights", "features", columns=["feature_set_version"])
    return rows["feature_set_version"].unique().item()
