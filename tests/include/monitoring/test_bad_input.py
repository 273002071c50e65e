"""Tables in whatever state: a verdict with its reason, no crash, and no alarm without ground."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from include import partitions
from include.champions import champion_at
from include.monitoring import judging
from include.monitoring.reference import Reference, read_reference
from include.monitoring.stage import monitor
from include.monitoring.watched import watch
from include.stats.profile import profile_frame

DAY = "2013-01-20"
AUDIT = ["partition", "ingested_at", "source_hash", "contract_hash", "content_hash"]
GATES = ("drift", "quality", "performance", "concept", "outcome")


def table(workspace, name, day=DAY):
    rows = workspace.lake.read("flights", name, partitions=[day])
    return rows.drop(columns=AUDIT)


def put(workspace, name, rows, day=DAY):
    workspace.lake.write_partition("flights", name, day, rows, source_hash="t", contract_hash="t")


def verdicts(workspace, health):
    found = {gate: workspace.ledger.get(getattr(health, f"{gate}_id")) for gate in GATES}
    return {gate: decision.verdict.value for gate, decision in found.items()}, found


def watched(workspace, use_case, day=DAY):
    return verdicts(workspace, monitor(use_case, day, actor="tests", workspace=workspace))


def twice(rows):
    return pd.concat([rows, rows.head(40)], ignore_index=True)


SPOILED = {
    "one row": ("predictions", lambda rows: rows.head(1), {"quality": "not scored"}),
    "duplicated predictions": ("predictions", twice, {"quality": "40 rows were predicted more than once"}),
    "another champion scored": (
        "predictions",
        lambda rows: rows.assign(promotion_id="another", model_version="9"),
        {"quality": "scored by version 9, which is not the champion of this date"},
    ),
    "a constant column": (
        "features",
        lambda rows: rows.assign(distance=1.0),
        {"quality": "constant: distance"},
    ),
    "an all-null column": (
        "features",
        lambda rows: rows.assign(distance=np.nan),
        {"quality": "without value: distance 100.0%"},
    ),
    "a category never seen": (
        "features",
        lambda rows: rows.assign(origin="XXX"),
        {"quality": "with categories never seen: origin 100.0%"},
    ),
    "clocks in another zone": (
        "features",
        lambda rows: rows.assign(event_time=rows["event_time"] + pd.Timedelta(hours=12)),
        {"quality": "happened on another date; look at the clock"},
    ),
    "labels that contradict each other": (
        "labels",
        lambda rows: pd.concat([rows, rows.assign(label=1 - rows["label"].astype("Int8"))]),
        {"performance": "whose labels contradict each other"},
    ),
    "labels before predictions": (
        "labels",
        lambda rows: rows.assign(known_at=date(2013, 1, 1)),
        {"performance": "labels were known before their prediction"},
    ),
    "no labels at all": (
        "labels",
        lambda rows: rows.assign(label=pd.array([None] * len(rows), dtype="Int8")),
        {"outcome": "has a label yet"},
    ),
}


@pytest.mark.parametrize(("name", "spoil", "told"), SPOILED.values(), ids=SPOILED)
def test_a_spoiled_table_has_its_verdict(championed, flying, name, spoil, told):
    put(championed, name, spoil(table(championed, name)))
    said, found = watched(championed, flying)
    for gate, reason in told.items():
        assert reason in " | ".join(found[gate].reasons)
    assert said["performance"] != "warn"
    assert said["concept"] != "warn"
    assert said["drift"] == "undecided"


def test_contradicted_labels_are_left_out_of_every_figure(championed, flying):
    rows = table(championed, "labels")
    turned = rows.head(100).assign(label=1 - rows.head(100)["label"].astype("Int8"))
    put(championed, "labels", pd.concat([rows, turned]))
    _, found = watched(championed, flying)
    evidence = found["outcome"].evidence
    assert evidence["contradicted"] == rows.head(100)["label"].notna().sum()
    assert evidence["labelled"] == rows["label"].notna().sum() - evidence["contradicted"]


def test_late_labels_revise_the_outcome_as_of_the_day_they_were_known(championed, flying):
    rows = table(championed, "labels", "2013-01-18")
    late = rows.assign(known_at=[date(2013, 1, 20)] * 300 + list(rows["known_at"])[300:])
    put(championed, "labels", late, "2013-01-18")
    _, found = watched(championed, flying, "2013-01-18")
    assert found["performance"].as_of == "2013-01-19"
    assert found["performance"].evidence["live"]["2013-01-18"]["rows"] < rows["label"].notna().sum()
    assert found["outcome"].as_of == "2013-01-20"
    assert found["outcome"].evidence["labelled"] == rows["label"].notna().sum()
    corrected = late.assign(label=1 - late["label"].astype("Int8"), known_at=date(2013, 1, 21))
    put(championed, "labels", corrected, "2013-01-18")
    _, again = watched(championed, flying, "2013-01-18")
    assert again["outcome"].as_of == "2013-01-21"
    assert again["outcome"].evidence["loss"] > found["outcome"].evidence["loss"]
    decisions = championed.ledger.find(use_case="flights", gate="outcome", partition="2013-01-18")
    assert [decision.as_of for decision in decisions] == ["2013-01-21", "2013-01-20"]
    metrics = championed.lake.read("flights", "metrics", partitions=["2013-01-18"]).set_index("name")["value"]
    assert metrics["performance.log_loss"] == pytest.approx(again["outcome"].evidence["metrics"]["log_loss"])


def test_a_label_that_takes_days_is_judged_when_it_is_due_and_estimated_until_then(
    championed, flying, changed
):
    slow = changed(flying, {"labels.delay_days": 3, "monitoring.performance.min_days": 2})
    for day in partitions.span("2013-01-14", DAY):
        known = partitions.parse(partitions.shift(day, 3))
        put(championed, "labels", table(championed, "labels", day).assign(known_at=known), day)
    _, found = watched(championed, slow)
    evidence = found["performance"].evidence
    assert list(evidence["live"]) == partitions.span("2013-01-14", "2013-01-18")
    assert {told["metric"] for told in evidence["estimated"]} == {"log_loss", "roc_auc"}
    assert all(told["lower"] <= told["value"] <= told["upper"] for told in evidence["estimated"])
    assert found["outcome"].verdict.value == "undecided"
    (due,) = championed.ledger.find(use_case="flights", gate="outcome", partition="2013-01-18")
    assert (due.as_of, due.verdict.value) == ("2013-01-21", "pass")
    names = championed.lake.read("flights", "metrics", partitions=["2013-01-18"])["name"]
    assert "performance.log_loss" in set(names)


def test_an_empty_reference_leaves_verdicts_undecided(championed, flying, monkeypatch):
    empty = Reference(sample=pd.DataFrame(), profile={}, edges=[], holdout={}, importance={})
    monkeypatch.setattr("include.monitoring.watched.read_reference", lambda *_: empty)
    said, found = watched(championed, flying)
    assert (said["quality"], said["concept"]) == ("undecided", "undecided")
    assert found["drift"].evidence["samples"] is None


def test_an_exchangeable_stream_is_judged_by_two_samples(championed, flying, changed, monkeypatch):
    alike = changed(flying, {"monitoring.drift.exchangeable": True})
    said, found = watched(championed, alike)
    assert said["drift"] == "warn"
    assert "rows against 2000; most of it from" in found["drift"].reasons[0]
    empty = Reference(sample=pd.DataFrame(), profile={}, edges=[], holdout={}, importance={})
    monkeypatch.setattr("include.monitoring.watched.read_reference", lambda *_: empty)
    assert watched(championed, alike)[0]["drift"] == "undecided"


def test_a_column_gone_is_named(championed, flying, monkeypatch):
    champion = champion_at(championed.ledger, "flights", DAY)
    kept = read_reference(championed.registry, champion.model)
    with_more = Reference(**{**vars(kept), "profile": {**kept.profile, "altitude": kept.profile["distance"]}})
    monkeypatch.setattr("include.monitoring.watched.read_reference", lambda *_: with_more)
    found = watch(flying, DAY, actor="tests", workspace=championed)
    monkeypatch.setattr(type(found.features), "names", property(lambda self: [*kept.profile, "altitude"]))
    decision = judging.judge_quality(found)
    assert "features gone: altitude" in " ".join(decision.reasons)


def test_ten_thousand_columns_are_ranked_within_bounds():
    from include.monitoring.drift import drift_rank, evidence_of
    from include.use_case_sections import Drift

    policy = Drift(trailing_days=7, gap_days=0, min_history=10, max_history=10, comparable="all_days")
    random = np.random.default_rng(1)
    names = [f"c{k}" for k in range(10_000)]
    template = profile_frame(pd.DataFrame({"c": [1.0]}), numbers=["c"], categories=[])
    days = []
    for day in partitions.span("2013-01-01", "2013-01-18"):
        rows = template.take([0] * len(names)).assign(column=names, count=500)
        nulls = random.binomial(500, 0.1, len(names))
        days.append(rows.assign(nulls=nulls, quantiles=None, partition=day))
    evidence = evidence_of(drift_rank(pd.concat(days), "2013-01-18", policy))
    assert evidence.p_value is not None
    assert len(evidence.columns) == 50
