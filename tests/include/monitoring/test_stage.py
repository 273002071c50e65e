"""Watching a partition: recorded, published once, and no order to train without ground or for the past."""

import re
from datetime import date

import pytest

from include import partitions
from include.champions import newest_champion
from include.decisions import Ruling, Subject, decide
from include.errors import ConfigurationError, NotFound, NothingToDo
from include.ingestion.evidence import DriftResult, IngestionEvidence
from include.lake import Lake
from include.monitoring import drift
from include.monitoring.reporting import publish_report
from include.monitoring.stage import monitor
from include.page_libraries import whole_page
from include.stats.conformal import rank_p_value

DAY = "2013-01-20"
# A drift rule that three weeks are enough for.
SHORT = {
    "monitoring.drift.trailing_days": 7,
    "monitoring.drift.gap_days": 0,
    "monitoring.drift.min_history": 10,
    "monitoring.drift.max_history": 10,
    "monitoring.drift.comparable": "all_days",
    "monitoring.known_days": [],
}
BAD_DAYS = partitions.span("2013-01-16", DAY)


def watched(workspace, use_case, day=DAY):
    return monitor(use_case, day, actor="tests", workspace=workspace)


def decision_of(workspace, decision_id):
    return workspace.ledger.get(decision_id)


def tables(workspace):
    return {
        table: workspace.lake.version("flights", table) for table in ("metrics", "predictions", "features")
    }


def write_labels(workspace, days, *, turned=False, known=None):
    """Publish the labels of some days anew: turned round, or known later."""
    for day in days:
        rows = workspace.lake.read("flights", "labels", partitions=[day])[["row_key", "label", "known_at"]]
        label = rows["label"].astype("Int8")
        rows = rows.assign(label=1 - label if turned else label, known_at=known or rows["known_at"])
        workspace.lake.write_partition("flights", "labels", day, rows, source_hash="test", contract_hash="c")


# What is recorded and published


def test_every_watch_records_its_decision_about_the_partition(championed, flying):
    health = watched(championed, flying)
    found = [
        decision_of(championed, value)
        for value in (
            health.drift_id,
            health.quality_id,
            health.performance_id,
            health.concept_id,
            health.outcome_id,
            health.retraining_id,
        )
    ]
    gates = ["drift", "quality", "performance", "concept", "outcome", "retraining"]
    assert [decision.gate for decision in found] == gates
    assert {(decision.partition, decision.as_of) for decision in found} == {(DAY, "2013-01-21")}
    assert {tuple(decision.data_refs) for decision in found} == {(f"flights/predictions/{DAY}",)}
    assert [decision.verdict.value for decision in found[:-1]] == [
        "undecided",
        "pass",
        "pass",
        "pass",
        "pass",
    ]
    assert found[-1].reasons == [f"{DAY} itself is not marked"]
    assert health.train_as_of is None


def test_performance_is_that_of_the_labels_that_have_arrived(championed, flying):
    evidence = decision_of(championed, watched(championed, flying).performance_id).evidence
    assert list(evidence["live"]) == partitions.span("2013-01-14", DAY)
    champion = championed.ledger.find(gate="evaluation")[0]
    losses = [day["log_loss"] for day in champion.evidence["day_losses"].values()]
    assert evidence["holdout_losses"] == losses
    rows = championed.lake.read("flights", "predictions", partitions=[DAY])
    labels = championed.lake.read("flights", "labels", partitions=[DAY])["label"]
    assert evidence["live"][DAY]["rows"] == labels.notna().sum() <= len(rows)


def test_labels_that_are_not_known_yet_are_not_seen(championed, flying):
    write_labels(championed, BAD_DAYS[-2:], known=date(2013, 2, 1))
    evidence = decision_of(championed, watched(championed, flying).performance_id).evidence
    assert list(evidence["live"]) == partitions.span("2013-01-14", "2013-01-18")


def test_days_that_another_champion_scored_are_left_out(championed, flying):
    rows = championed.lake.read("flights", "predictions", partitions=["2013-01-15"])
    kept = ["row_key", "event_time", "score", "model_version", "known_at"]
    other = rows[kept].assign(promotion_id="another")
    championed.lake.write_partition(
        "flights", "predictions", "2013-01-15", other, source_hash="s", contract_hash="c"
    )
    evidence = decision_of(championed, watched(championed, flying).performance_id).evidence
    assert list(evidence["live"]) == ["2013-01-14", *BAD_DAYS]


def test_the_figures_of_the_partition_are_published(championed, flying):
    health = watched(championed, flying)
    assert (health.metrics.table, health.metrics.first) == ("metrics", DAY)
    rows = championed.lake.read("flights", "metrics", partitions=[DAY])
    found = rows[rows["subject"] == ""].set_index("name")["value"]
    predictions = championed.lake.read("flights", "predictions", partitions=[DAY])
    today = decision_of(championed, health.performance_id).evidence["live"][DAY]
    assert found["predictions.rows"] == len(predictions)
    assert found["predictions.mean"] == pytest.approx(predictions["score"].mean())
    told = [found[f"performance.{name}"] for name in ("rows", "log_loss", "roc_auc")]
    assert told == pytest.approx([today["rows"], today["loss"], today["metric"]])
    assert set(rows["known_at"]) == {date(2013, 1, 21)}
    assert rows["value"].notna().all()


def test_watching_again_changes_nothing(championed, flying, changed):
    short = changed(flying, SHORT)
    first = watched(championed, short)
    before, decisions = tables(championed), championed.ledger.verify()
    assert watched(championed, short) == first
    assert (tables(championed), championed.ledger.verify()) == (before, decisions)


def test_drift_is_judged_and_published_by_column(championed, flying, changed):
    health = watched(championed, changed(flying, SHORT))
    decision = decision_of(championed, health.drift_id)
    assert decision.verdict.value in {"pass", "warn"}
    assert decision.evidence["history"] == 10
    past = decision.evidence["past"]
    assert [*past] == partitions.span("2013-01-10", "2013-01-19")
    assert decision.evidence["p_value"] == rank_p_value(decision.evidence["magnitude"], [*past.values()])
    rows = championed.lake.read("flights", "metrics", partitions=[DAY])
    found = rows[rows["name"] == "drift.surprise"].set_index("subject")["value"]
    columns = decision.evidence["columns"]
    assert found.to_dict() == {name: moved["surprise"] for name, moved in columns.items()}
    assert {"carrier", "wind_speed", "wind_speed (nulls)"} <= set(found.index)
    assert rows.set_index("name")["value"]["drift.magnitude"] == found.max()


def test_how_far_the_batch_moved_is_told_by_the_gate_that_let_it_in(championed, flying, changed):
    with_report = changed(flying, {"monitoring.report": True})
    subject = Subject(use_case="flights", partition=DAY, as_of="2013-01-21", actor="tests")
    for verdict, magnitude in (
        ("pass", 2.5),
        ("refuse", 9.0),
    ):  # what was refused later is not what was scored
        ranked = DriftResult(
            magnitude=magnitude, p_value=0.04, past=60, columns={"tailnum": 1.1, "origin": 2.5}
        )
        championed.ledger.append(
            decide(
                gate="ingestion",
                subject=subject,
                ruling=Ruling(verdict=verdict, reasons=["seen"], rule="contract"),
                evidence=IngestionEvidence(files=[], rows=1, drift=ranked),
                policy=flying.contract,
                data_refs=[],
            )
        )
    watched(championed, with_report)
    rows = championed.lake.read("flights", "metrics", partitions=[DAY]).set_index("name")["value"]
    assert (rows["raw_drift.magnitude"], rows["raw_drift.p_value"]) == (2.5, 0.04)
    page = championed.reports.get(publish_report(with_report, DAY, workspace=championed))
    assert b"<p>origin stands out by 2.5; tailnum stands out by 1.1</p>" in page


def test_the_report_is_drawn_from_the_recorded_verdicts_and_stored_once(championed, flying, changed):
    with_report = changed(flying, SHORT | {"monitoring.report": True})
    health = watched(championed, with_report)
    assert not championed.reports.exists(health.report)  # no verdict waits for a picture
    decisions = championed.ledger.verify()
    assert publish_report(with_report, DAY, workspace=championed) == health.report
    assert championed.ledger.verify() == decisions
    path = championed.settings.home / "lake" / "_reports" / health.report
    content, written = path.read_bytes(), path.stat().st_mtime_ns
    assert health.report.startswith(f"flights/{DAY}/monitor-")
    assert b"data:image/svg+xml;base64," in content
    units = rb"(mph|miles|flights|minutes of the day|inches in the hour)"
    assert re.search(rb"mean [\d.]+ -&gt; [\d.]+ " + units + rb" \(feature \d+ by importance", content)
    assert b"Predictions " in content
    assert b"Labels do not confirm it" in content
    (beside,) = [key for key in championed.reports.list() if "/drift-" in key]
    assert f'href="{beside.rsplit("/", 1)[1]}"'.encode() in content
    assert b"wind_speed" in championed.reports.get(beside)
    assert len(championed.reports.get(beside)) < len(whole_page(championed.reports, beside)) / 5
    champion = newest_champion(championed.ledger, "flights")
    tag = championed.registry.run(champion.run_id).data.tags["airlock.monitor_report"]
    assert tag == f"{DAY} {championed.reports.address(health.report)}"
    assert watched(championed, with_report).report == health.report
    assert publish_report(with_report, DAY, workspace=championed) == health.report
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (content, written)
    assert len([key for key in championed.reports.list() if key.startswith("flights/")]) == 2
    assert watched(championed, flying).report == ""


def test_a_watch_with_other_verdicts_has_another_report(championed, flying, changed):
    with_report = changed(flying, SHORT | {"monitoring.report": True})
    before = watched(championed, with_report)
    publish_report(with_report, DAY, workspace=championed)
    write_labels(championed, partitions.span("2013-01-15", "2013-01-19"), turned=True)
    after = watched(championed, with_report)
    assert after.report != before.report
    assert publish_report(with_report, DAY, workspace=championed) == after.report
    said = [championed.reports.get(health.report) for health in (before, after)]
    assert [after.performance_id[:12].encode() in page for page in said] == [False, True]


def test_there_is_no_report_without_verdicts_or_where_none_is_wanted(championed, flying, changed):
    with_report = changed(flying, SHORT | {"monitoring.report": True})
    with pytest.raises(
        NotFound, match=r"no verdict of quality, drift, .* on 2013-01-20; run flights\.monitor"
    ):
        publish_report(with_report, DAY, workspace=championed)
    with pytest.raises(NothingToDo, match=r"monitoring\.report: false"):
        publish_report(flying, DAY, workspace=championed)
    with pytest.raises(NothingToDo, match="no champion on 2013-01-02"):
        publish_report(with_report, "2013-01-02", workspace=championed)
    assert [key for key in championed.reports.list() if key.startswith("flights/2013")] == []


# What there is nothing to watch of


def test_before_the_first_champion_there_is_nothing_to_do(championed, flying):
    with pytest.raises(NothingToDo, match="flights had no champion on 2013-01-13"):
        watched(championed, flying, "2013-01-13")


def test_without_predictions_there_is_nothing_to_watch(championed, flying):
    with pytest.raises(NotFound, match=r"flights has no predictions for 2013-01-25; run flights\.score"):
        watched(championed, flying, "2013-01-25")


def test_a_wrong_partition_key_is_refused(championed, flying):
    with pytest.raises(ConfigurationError, match="Partition key"):
        watched(championed, flying, "yesterday")


def test_nothing_is_recorded_where_there_is_nothing_to_watch(championed, flying):
    decisions = championed.ledger.verify()
    for day in ("2013-01-13", "2013-01-25"):
        with pytest.raises((NothingToDo, NotFound)):
            watched(championed, flying, day)
    assert championed.ledger.verify() == decisions


# Orders to train

# Alarms after two bad days, where the usual rule wants more of them.
TOUCHY = {
    "monitoring.performance.window_days": 2,
    "monitoring.performance.min_days": 2,
    "monitoring.performance.decay_limit": 1.0,
}
ONE = TOUCHY | {"monitoring.retraining.violations": 1, "monitoring.retraining.of_last": 1}


def test_a_marked_partition_orders_a_training_as_of_the_next_day(championed, flying, changed):
    write_labels(championed, BAD_DAYS, turned=True)
    health = watched(championed, changed(flying, ONE))
    assert decision_of(championed, health.performance_id).verdict.value == "warn"
    order = decision_of(championed, health.retraining_id)
    assert order.verdict.value == "pass"
    assert order.reasons == ["train as of 2013-01-21: 1 of 1 days marked (2013-01-20: performance)"]
    assert health.train_as_of == "2013-01-21"
    assert watched(championed, changed(flying, ONE)) == health


def test_marks_must_repeat_before_they_order_anything(championed, flying, changed):
    write_labels(championed, BAD_DAYS, turned=True)
    found = [watched(championed, changed(flying, TOUCHY), day) for day in BAD_DAYS[2:]]
    verdicts = [decision_of(championed, health.performance_id).verdict.value for health in found]
    orders = [decision_of(championed, health.retraining_id) for health in found]
    assert verdicts == ["warn"] * 3
    assert [order.verdict.value for order in orders] == ["refuse", "refuse", "pass"]
    assert orders[0].reasons == ["1 of the last 1 partitions are marked, needed 3 of 7"]
    assert [health.train_as_of for health in found] == [None, None, "2013-01-21"]


def test_only_the_last_partitions_count(championed, flying, changed):
    write_labels(championed, BAD_DAYS, turned=True)
    policy = {"monitoring.retraining.violations": 2, "monitoring.retraining.of_last": 2}
    found = [watched(championed, changed(flying, TOUCHY | policy), day) for day in BAD_DAYS[2:]]
    evidence = decision_of(championed, found[-1].retraining_id).evidence
    assert evidence["considered"] == BAD_DAYS[-2:]
    assert evidence["marked"] == {day: ["performance"] for day in BAD_DAYS[-2:]}


def test_a_second_order_waits_for_the_cool_down(championed, flying, changed):
    write_labels(championed, BAD_DAYS, turned=True)
    eager = changed(flying, ONE | {"monitoring.retraining.cool_down_days": 4})
    found = [watched(championed, eager, day) for day in BAD_DAYS[2:]]
    assert [health.train_as_of for health in found] == ["2013-01-19", None, None]
    suppressed = decision_of(championed, found[1].retraining_id)
    assert suppressed.evidence["orders"] == ["2013-01-19"]
    assert suppressed.reasons[0].startswith("a training was ordered 1 days before, within the cool-down of 4")


def test_a_partition_from_before_the_champion_orders_nothing_and_says_so(
    championed, flying, changed, through_promotion
):
    """A late backfill: the newest champion knows more than the partition that is watched."""
    write_labels(championed, BAD_DAYS, turned=True)
    eager = changed(
        flying,
        ONE | {"evaluation.gates": [{"kind": "floor", "metric": "roc_auc", "min": 0.0, "alpha": 0.05}]},
    )
    through_promotion(eager, "2013-01-20", championed)
    health = watched(championed, eager, "2013-01-19")
    order = decision_of(championed, health.retraining_id)
    assert decision_of(championed, health.performance_id).verdict.value == "warn"
    assert order.reasons == ["2013-01-19 is historical: the champion already knows the data up to 2013-01-20"]
    assert health.train_as_of is None


# Its cost


class CountingLake(Lake):
    """Notes which partitions are asked for."""

    def __init__(self, lake):
        super().__init__(lake.root)
        self.asked = {}

    def read(self, use_case, table, *, partitions=None, **options):
        self.asked.setdefault(table, []).append(partitions)
        return super().read(use_case, table, partitions=partitions, **options)


def test_only_a_bounded_number_of_days_is_asked_for(championed, flying, changed):
    """Whatever lies in the lake: no table is read as a whole, and the window does not grow."""
    championed.lake = CountingLake(championed.lake)
    watched(championed, flying)
    assert all(days is not None for reads in championed.lake.asked.values() for days in reads)
    bound = drift.days_needed(flying.monitoring.drift)
    (profiles,) = championed.lake.asked["feature_profiles"]
    assert profiles == partitions.span(partitions.shift(DAY, -bound), DAY)
    assert "profiles" not in championed.lake.asked  # the ingestion gate has ranked the columns of the batch
    asked = max(len(days) for days in championed.lake.asked["predictions"])
    assert asked == len(partitions.span("2013-01-14", DAY)) < flying.monitoring.performance.window_days
