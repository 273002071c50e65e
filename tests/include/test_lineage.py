"""Lineage on a real lake, ledger and MLflow: every link holds, and every cut is noticed."""

import hashlib
import sqlite3

import pytest

from include import partitions
from include.champions import champion_at
from include.decisions import Ruling, Subject, Verdict, decide
from include.errors import ConfigurationError, NotFound, Outage
from include.ledger import Ledger
from include.lineage import champion_terms, find_runs, follow, read_run, rows_of, trace
from include.lineage.reach import look_back, side_reach
from include.workspace import Workspace
from tests.cli.lifecycle_fixture import BROKEN, PROMOTED, SCORED, filled

FIRST, SECOND = SCORED
ROW_COLUMNS = {"origin", "carrier", "wind_speed", "visibility", "departure_minute"}


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("lifecycle"))


@pytest.fixture
def spoiled(live, tmp_path):
    """A copy whose parts a test may change."""
    return live.copy(tmp_path).workspace


def landed_hash(workspace, table, day):
    return hashlib.sha256(workspace.landing.get(f"{table}/{day}.parquet")).hexdigest()


def redeliver(workspace, day, *, rows):
    """Land and ingest another file for a date that was ingested before."""
    import io

    import pandas as pd

    from include.ingestion.stage import ingest

    flights = pd.read_parquet(io.BytesIO(workspace.landing.get(f"flights/{day}.parquet")))
    buffer = io.BytesIO()
    flights.head(rows).to_parquet(buffer, index=False)
    workspace.landing.put(f"flights/{day}.parquet", buffer.getvalue())
    ingest(workspace.use_case("flights"), day, actor="schedule", workspace=workspace)


# Backward


def test_a_release_that_the_ledger_does_not_know_is_named_once(spoiled):
    rows = spoiled.lake.read("flights", "batches", partitions=[FIRST])
    one = rows["source_hash"].iloc[0], rows["contract_hash"].iloc[0]
    named = rows.drop(columns=["partition", "source_hash", "contract_hash", "content_hash", "ingested_at"])
    named = named.assign(released_by=["f0rged", *[None] * (len(named) - 1)])
    spoiled.lake.write_partition("flights", "batches", FIRST, named, source_hash=one[0], contract_hash=one[1])
    found = [text for text in trace(spoiled, "flights", FIRST).broken if "f0rged" in text]
    assert found == ["rows of the batch name the release f0rged, unknown to the ledger"]


@pytest.mark.parametrize(("day", "version"), [(FIRST, "1"), (SECOND, "2")])
def test_a_scored_partition_leads_to_all_that_made_it(live, day, version):
    workspace = live.workspace
    found = trace(workspace, "flights", day)
    assert (found.broken, found.notes) == ([], [])
    assert found.predictions.named["model_version"] == version
    assert found.promotion.id == found.predictions.named["promotion_id"]
    assert found.evaluation.id == found.promotion.evidence["evaluation_id"]
    assert found.run.run_id == found.promotion.evidence["run_id"] == found.evaluation.evidence["run_id"]
    assert found.training.id == found.run.decision_id
    assert found.run.training_set.split() == found.training.data_refs
    assert found.features_decision.partition == day
    assert found.ingestion.evidence["files"][0]["sha256"] == found.batch.source_hash
    assert {(file.table, file.partition, file.sha256, file.state) for file in found.files} == {
        ("batch", day, landed_hash(workspace, "flights", day), "intact"),
        ("weather", day, landed_hash(workspace, "weather", day), "intact"),
        (
            "weather",
            partitions.shift(day, -1),
            landed_hash(workspace, "weather", partitions.shift(day, -1)),
            "intact",
        ),
    }


def test_a_row_is_what_the_tables_hold(live):
    lake = live.workspace.lake
    scores = lake.read("flights", "predictions", partitions=[FIRST]).set_index("row_key")
    labels = lake.read("flights", "labels", partitions=[FIRST]).set_index("row_key")
    unlabelled = labels[labels["label"].isna()].index[0]
    for key in (scores.index[3], unlabelled):
        row = trace(live.workspace, "flights", FIRST, row_key=key).row
        assert row.score == scores.loc[key, "score"]
        assert row.label == (None if key == unlabelled else labels.loc[key, "label"])
        assert set(row.features) >= ROW_COLUMNS - {"visibility", "wind_speed"}
        assert "content_hash" not in row.features


def test_before_the_first_champion_there_is_no_model(live):
    found = trace(live.workspace, "flights", "2013-01-04")
    assert (found.predictions, found.promotion, found.run) == (None, None, None)
    assert found.notes == ["2013-01-04 is not scored"]
    assert found.features is not None
    with pytest.raises(NotFound, match=r"no row 'x' on 2013-01-04; a key looks like '2013\|1\|4"):
        trace(live.workspace, "flights", "2013-01-04", row_key="x")


def test_a_refused_batch(live):
    found = trace(live.workspace, "flights", BROKEN)
    assert found.ingestion.verdict is Verdict.REFUSE
    assert [file.state for file in found.files] == ["intact", "intact"]
    assert (found.batch, found.features, found.broken) == (None, None, [])
    with pytest.raises(NotFound, match="has no features on"):
        trace(live.workspace, "flights", BROKEN, row_key="x")


def test_a_date_of_which_nothing_is_known(live):
    with pytest.raises(NotFound, match=r"Nothing is known of flights on 2014-01-01.*flights\.ingest"):
        trace(live.workspace, "flights", "2014-01-01")
    with pytest.raises(ConfigurationError):
        trace(live.workspace, "flights", "yesterday")


@pytest.mark.parametrize(("change", "state"), [("changed", "changed"), ("gone", "missing")])
@pytest.mark.parametrize("table", ["batch", "weather"])
def test_a_raw_file_that_is_not_what_landed(spoiled, change, state, table):
    file = next(file for file in trace(spoiled, "flights", FIRST).files if file.table == table)
    key = f"flights/{table}/{file.sha256}.parquet"
    spoiled.raw.put(key, b"other") if change == "changed" else spoiled.raw.delete(key)
    found = trace(spoiled, "flights", FIRST)
    assert [seen.state for seen in found.files if seen.sha256 == file.sha256] == [state]
    assert len(found.broken) == 1
    assert file.sha256 in found.broken[0]


def test_rows_that_no_decision_let_in(spoiled):
    lake = spoiled.lake
    rows = lake.read("flights", "batches", partitions=[FIRST])
    data = rows.drop(columns=["partition", "ingested_at", "source_hash", "contract_hash", "content_hash"])
    lake.write_partition("flights", "batches", FIRST, data.head(5), source_hash="f" * 64, contract_hash="c")
    found = trace(spoiled, "flights", FIRST)
    assert found.ingestion is None
    assert found.broken == [f"no decision lets in the file {'f' * 64}, which the batch was made from"]
    assert "the features were not built from the rows that stand there now; build again" in found.notes


def test_predictions_of_a_promotion_that_the_ledger_does_not_hold(spoiled):
    promotion = trace(spoiled, "flights", FIRST).promotion.id
    with sqlite3.connect(spoiled.settings.home / "ledger.db") as database:
        database.execute("drop trigger decisions_no_delete")
        database.execute("delete from decisions where id = ?", (promotion,))
    found = trace(spoiled, "flights", FIRST)
    assert found.promotion is None
    assert "the predictions name a decision that the ledger does not hold" in found.broken[0]


def test_predictions_of_another_model_than_the_promoted_one(spoiled):
    lake = spoiled.lake
    rows = lake.read("flights", "predictions", partitions=[FIRST])
    source = rows["source_hash"].iloc[0]
    data = rows.drop(columns=["partition", "ingested_at", "source_hash", "contract_hash", "content_hash"])
    lake.write_partition("flights", "predictions", FIRST, data, source_hash=source, contract_hash="a" * 64)
    found = trace(spoiled, "flights", FIRST)
    promoted_files = found.promotion.evidence["model"]["sha256"]
    assert found.broken == [f"the predictions name model files {'a' * 64}, promoted were {promoted_files}"]


def test_a_new_delivery_shows_what_has_to_be_built_again(spoiled):
    from include.features.stage import build

    redeliver(spoiled, FIRST, rows=700)
    found = trace(spoiled, "flights", FIRST)
    assert (found.broken, found.batch.rows, found.features_decision) == ([], 700, None)
    assert found.notes == ["the features were not built from the rows that stand there now; build again"]
    build(spoiled.use_case("flights"), FIRST, actor="schedule", workspace=spoiled)
    found = trace(spoiled, "flights", FIRST)
    assert found.notes == ["the features were built again after the predictions; score the partition again"]
    assert found.features_decision is not None


def test_a_later_refusal_leaves_the_rows_and_is_told(spoiled):
    from include.errors import GateRefused
    from include.ingestion.stage import ingest

    spoiled.landing.put(f"flights/{FIRST}.parquet", b"not at all")
    with pytest.raises(GateRefused):
        ingest(spoiled.use_case("flights"), FIRST, actor="schedule", workspace=spoiled)
    found = trace(spoiled, "flights", FIRST)
    assert found.ingestion.verdict.opens
    assert found.broken == []
    assert f"a later look at {FIRST} ended with refuse" in found.notes[0]


def test_mlflow_is_not_needed(live, tmp_path):
    silent = Workspace(
        live.workspace.settings.model_copy(update={"mlflow_tracking_uri": f"sqlite:///{tmp_path}/no.db"})
    )
    found = trace(silent, "flights", FIRST)
    assert found.run is None
    assert found.training is not None
    assert f"the training run is not shown: there is no MLflow database {tmp_path}/no.db yet" in found.notes
    assert not (tmp_path / "no.db").exists()


# Forward


def test_a_batch_file_leads_to_its_partition_and_the_models(live):
    workspace = live.workspace
    found = follow(workspace, landed_hash(workspace, "flights", "2013-01-05")[:10])
    (seen,) = found.appearances
    assert (seen.partition, seen.published, seen.feeds) == ("2013-01-05", True, ["2013-01-05"])
    assert seen.remembered_by == ["2013-01-06", "2013-01-07"]
    (fed,) = found.partitions
    rows = rows_of(workspace.lake, "flights", "batches", "2013-01-05").rows
    assert (fed.feature_rows, fed.scored_rows) == (rows, 0)
    uses = {use.as_of: use for use in found.models}
    assert set(uses) == set(PROMOTED)
    assert all(use.train + use.holdout == ["2013-01-05"] for use in uses.values())
    assert [term.version for term in uses[PROMOTED[0]].terms] == ["1"]
    assert uses[PROMOTED[0]].scored_partitions == [FIRST]
    assert uses[PROMOTED[1]].scored_partitions == [SECOND]


def test_a_scored_file_names_its_predictions(live):
    workspace = live.workspace
    found = follow(workspace, landed_hash(workspace, "flights", SECOND), use_case="flights")
    assert [(fed.partition, fed.model_version) for fed in found.partitions] == [(SECOND, "2")]
    assert found.partitions[0].scored_rows == found.partitions[0].feature_rows > 0
    assert found.models == []


def test_a_side_table_reaches_the_next_day_too(live):
    workspace = live.workspace
    found = follow(workspace, landed_hash(workspace, "weather", "2013-01-05"))
    assert [fed.partition for fed in found.partitions] == ["2013-01-05", "2013-01-06"]
    assert found.appearances[0].remembered_by == []
    newest = next(use for use in found.models if use.as_of == PROMOTED[1])
    assert sorted(newest.train + newest.holdout) == ["2013-01-05", "2013-01-06"]


def test_a_replaced_delivery_still_names_the_models_that_learned_from_it(spoiled):
    old = landed_hash(spoiled, "flights", "2013-01-05")
    redeliver(spoiled, "2013-01-05", rows=600)
    before, after = follow(spoiled, old), follow(spoiled, landed_hash(spoiled, "flights", "2013-01-05"))
    assert [seen.published for seen in before.appearances] == [False]
    assert before.partitions == []
    assert {use.as_of for use in before.models} == set(PROMOTED)
    assert [seen.published for seen in after.appearances] == [True]
    assert after.models == []


def test_a_refused_file_reached_nothing(live):
    found = follow(live.workspace, landed_hash(live.workspace, "flights", BROKEN))
    assert [(seen.verdict, seen.published) for seen in found.appearances] == [(Verdict.REFUSE, False)]
    assert (found.partitions, found.models) == ([], [])


@pytest.mark.parametrize(
    ("beginning", "error", "message"),
    [
        ("abc", ConfigurationError, "'abc' is too short for a hash; give at least 8 digits"),
        ("0" * 64, NotFound, "The ledger knows no file whose SHA-256 begins with"),
    ],
)
def test_a_hash_that_names_no_file(live, beginning, error, message):
    with pytest.raises(error, match=message):
        follow(live.workspace, beginning)


def test_silent_mlflow_is_a_note(live, tmp_path):
    silent = Workspace(
        live.workspace.settings.model_copy(update={"mlflow_tracking_uri": f"sqlite:///{tmp_path}/no.db"})
    )
    found = follow(silent, landed_hash(live.workspace, "flights", "2013-01-05"))
    assert found.models == []
    assert found.notes == [
        f"the models of flights are not shown: there is no MLflow database {tmp_path}/no.db yet"
    ]


# Runs and terms


def test_runs_as_mlflow_recorded_them(live):
    runs = find_runs(live.workspace, "flights")
    assert [run.as_of for run in runs] == sorted(PROMOTED, reverse=True)
    assert runs[0] == read_run(live.workspace, runs[0].run_id)
    roles = {day: runs[0].role_of(day) for day in partitions.span("2013-01-01", "2013-01-08")}
    assert roles[BROKEN] is None
    assert roles["2013-01-01"] == "train"
    assert roles["2013-01-06"] == "holdout"
    assert roles["2013-01-07"] is None
    assert find_runs(live.workspace, "boats") == []
    with pytest.raises(NotFound):
        read_run(live.workspace, "0" * 32)


def test_an_mlflow_that_is_something_else_is_an_outage(live, tmp_path):
    (tmp_path / "mlflow.db").write_text("no database" * 500)
    wrong = live.workspace.settings.model_copy(
        update={"mlflow_tracking_uri": f"sqlite:///{tmp_path}/mlflow.db"}
    )
    with pytest.raises(Outage, match="MLflow"):
        find_runs(Workspace(wrong), "flights")


def promoted(ledger, version, start, verdict=Verdict.PASS):
    evidence = {
        "version": version,
        "run_id": version * 8,
        "evaluation_id": "e",
        "effective_from": start,
        "as_of": start,
        "model": {"uri": "m", "sha256": "s"},
        "feature_set_version": "f",
    }
    ruling = Ruling(verdict=verdict, reasons=[], rule="r")
    subject = Subject(use_case="u", as_of=start)
    ledger.append(
        decide(gate="promotion", subject=subject, ruling=ruling, evidence=evidence, policy={}, data_refs=[])
    )


@pytest.mark.parametrize(
    "history",
    [
        [],
        [("1", "2013-01-05")],
        [("1", "2013-01-05"), ("2", "2013-01-08")],
        [("1", "2013-01-05"), ("2", "2013-01-05"), ("3", "2013-01-09")],
        [("1", "2013-01-08"), ("2", "2013-01-04")],
        [("1", "2013-01-03"), ("2", "2013-01-08"), ("3", "2013-01-05")],
    ],
)
def test_terms_agree_with_the_champion_of_every_date(tmp_path, history):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    for version, start in history:
        promoted(ledger, version, start)
        promoted(ledger, "9", start, Verdict.REFUSE)
    terms = champion_terms(ledger, "u")
    assert [term.version for term in terms] == [version for version, _ in reversed(history)]
    for day in partitions.span("2013-01-01", "2013-01-12"):
        champion = champion_at(ledger, "u", day)
        covering = [term.version for term in terms if term.decides and term.covers(day)]
        assert covering == ([champion.version] if champion else [])


def test_how_far_features_look_back(live):
    assert side_reach(live.workspace, "flights") == {"weather": 1}
    assert side_reach(live.workspace, "boats") == {}
    assert look_back("2013-03-01", 0) == ["2013-03-01"]


def test_lineage_imports_no_stage():
    import ast

    from include.settings import PROJECT_ROOT

    folders = {path.name for path in (PROJECT_ROOT / "include").iterdir() if path.is_dir()}
    stages = folders - {"stats", "lineage"}
    assert "ingestion" in stages
    for path in (PROJECT_ROOT / "include" / "lineage").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("include."):
                assert node.module.split(".")[1] not in stages, f"{path}: {node.module}"
