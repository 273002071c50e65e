"""What the training gate is shown: days that are missing and why, and every kind of leak, on real stores."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from include import partitions
from include.decisions import Ruling, Subject, Verdict, decide
from include.errors import GateRefused, UseCaseError
from include.training.stage import train

DAYS = partitions.span("2013-01-01", "2013-01-12")


def trained(home, use_case=None):
    return train(use_case or home.use_case, home.as_of, reason="t", actor="t", workspace=home.workspace)


def rewrite(home, table, day, change):
    """Write a day's rows again, with something changed."""
    rows = home.workspace.lake.read("made", table, partitions=[day])
    audit = ["partition", "ingested_at", "source_hash", "contract_hash", "content_hash"]
    content = change(rows.drop(columns=audit))
    home.workspace.lake.write_partition("made", table, day, content, source_hash="x", contract_hash="y")


def refused(home, message, use_case=None):
    with pytest.raises(GateRefused, match=message) as shut:
        trained(home, use_case)
    registry = home.workspace.registry
    assert registry.client.search_runs([registry.experiment_id("made")]) == []
    return home.workspace.ledger.get(shut.value.decision_id).evidence


def test_missing_days_are_told_with_their_reason(made):
    home = made("binary")
    for day, gate, verdict in [
        ("2013-01-03", "ingestion", Verdict.REFUSE),
        ("2013-01-04", "ingestion", Verdict.PASS),
        ("2013-01-05", "features", Verdict.REFUSE),
    ]:
        ruling = Ruling(verdict=verdict, reasons=[f"{gate} says so"], rule="r")
        subject = Subject(use_case="made", partition=day, as_of=partitions.shift(day, 1))
        home.workspace.ledger.append(
            decide(gate=gate, subject=subject, ruling=ruling, evidence={}, policy={}, data_refs=[])
        )
    for day in ("2013-01-02", "2013-01-03", "2013-01-04", "2013-01-05"):
        for table in ("features", "labels"):
            rewrite(home, table, day, lambda rows: rows.head(0))
    rewrite(home, "labels", "2013-01-06", lambda rows: rows.assign(label=pd.array([None] * 60, "Int8")))
    eager = home.changed(training={"min_training_partitions": 3})
    found = home.workspace.ledger.get(trained(home, eager).decision_id)
    assert found.verdict is Verdict.WARN
    told = {
        reason.partition("decision")[0]: days for reason, days in found.evidence["missing_because"].items()
    }
    assert told == {
        "never landed": ["2013-01-02"],
        "refused by the contract, ": ["2013-01-03"],
        "accepted, but without features": ["2013-01-04"],
        "features refused, ": ["2013-01-05"],
        "without a row whose label was known in time": ["2013-01-06"],
    }
    assert any(reason.endswith("ingestion says so") for reason in found.reasons)


def test_rows_that_were_written_with_what_came_later_are_refused(made):
    home = made("regression")
    late = pd.Timestamp("2013-02-01", tz="UTC")
    times = lambda rows: rows["event_time"].where(rows.index >= 5, late)  # noqa: E731
    rewrite(home, "features", DAYS[2], lambda rows: rows.assign(event_time=times(rows)))
    evidence = refused(home, "5 events after the as-of: they were written with what came later")
    assert evidence["impossible"] == {"events after the as-of": 5, "rows known before their event": 5}
    assert evidence["train_rows"] == 8 * 60 - 5, "and they are not among the rows"


def test_labels_that_were_known_too_early_are_refused(made):
    home = made("count", labels={"kind": "column", "column": "value", "delay_days": 3})
    evidence = refused(home, "labels known before their delay was over")
    assert evidence["impossible"] == {"labels known before their delay was over": 12 * 60}
    assert evidence["holdout_partitions"] == 2, "the newest two days have no label yet, whatever they say"


def test_entities_on_both_sides_are_refused_where_declared(made):
    home = made("binary")
    trained(home)
    declared = home.changed(training={"disjoint_entities": ["id", "size"]})
    with pytest.raises(GateRefused, match="60 values of id stand in training and holdout") as shut:
        trained(home, declared)
    decision = home.workspace.ledger.get(shut.value.decision_id)
    assert decision.evidence["shared_entities"] == {"id": 60, "size": 0}
    assert any(ref.startswith("made/batches@") for ref in decision.data_refs)


def planted(home, change):
    for day in DAYS:
        label = home.workspace.lake.read("made", "labels", partitions=[day])["label"]
        rewrite(home, "features", day, lambda rows, label=label: change(rows, label))


def copied(rows, label):
    return rows.assign(other=label.astype("float64"))


def noisy(rows, label):
    random = np.random.default_rng(len(rows))
    return rows.assign(other=label.astype("float64") + random.normal(0, 0.1, len(rows)))


def split(rows, label):
    noise = np.random.default_rng(7).normal(0, 9, len(rows))
    return rows.assign(other=label.astype("float64") + noise, size=noise)


PLANTED = {
    "a copy": ("binary", copied, "feature other alone reaches AUC 1.000"),
    "a noisy copy": ("binary", noisy, "feature other alone reaches AUC"),
    "a copy of an amount": ("regression", copied, "feature other alone reaches rank correlation 1.000"),
    "a copy over two columns": (
        "binary",
        split,
        "leak together, (other and size|size and other)",
    ),
    "an amount over two columns": ("regression", split, "look like a leak together"),
}


@pytest.mark.parametrize(("kind", "change", "message"), PLANTED.values(), ids=PLANTED)
def test_a_planted_copy_of_the_future_is_refused(made, kind, change, message):
    home = made(kind)
    planted(home, change)
    refused(home, message)


def test_a_custom_model_whose_types_nobody_trusts_is_told(made):
    home = made("binary", training={"model": {"kind": "custom", "function": "model:build"}})
    (home.folder / "model.py").write_text(
        "from sklearn.gaussian_process import GaussianProcessClassifier\n"
        "from sklearn.compose import make_column_transformer\n"
        "from sklearn.pipeline import make_pipeline\n"
        "def build(numbers, categories, seed):\n"
        "    columns = make_column_transformer(('passthrough', numbers))\n"
        "    return make_pipeline(columns, GaussianProcessClassifier(random_state=seed))\n"
    )
    with pytest.raises(UseCaseError, match=r"holds the types \[.*name them in trusted_types"):
        trained(home)


def test_another_text_of_a_custom_model_is_another_run(made):
    text = (
        "from sklearn.naive_bayes import GaussianNB\n"
        "from sklearn.compose import make_column_transformer\n"
        "from sklearn.pipeline import make_pipeline\n"
        "def build(numbers, categories, seed):\n"
        "    return make_pipeline(make_column_transformer(('passthrough', numbers)), GaussianNB())\n"
    )
    home = made("binary", training={"model": {"kind": "custom", "function": "model:build"}})
    (home.folder / "model.py").write_text(text)
    first = trained(home)
    assert trained(home) == first
    (home.folder / "model.py").write_text(text + "# changed\n")
    assert trained(home).run_id != first.run_id


def test_known_at_of_a_day_decides(made):
    """Rows that were corrected after the as-of are not seen, and are no fault."""
    home = made("binary")
    later = partitions.parse(home.as_of) + timedelta(days=3)
    rewrite(home, "features", DAYS[1], lambda rows: rows.assign(known_at=[later] * 60))
    found = home.workspace.ledger.get(
        trained(home, home.changed(training={"min_training_partitions": 3})).decision_id
    )
    assert found.evidence["missing"] == [DAYS[1]]
    assert found.evidence["impossible"] == {}
