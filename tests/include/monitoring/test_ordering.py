"""What a decision to train rests on, gathered from the ledger; asked again, it is the same decision."""

import pytest

from include import partitions
from include.decisions import Decision
from include.errors import ConfigurationError, TrainingNotNeeded
from include.monitoring.ordering import admit_training, judge_after_partition, marks_of, ordered_by

DAYS = partitions.span("2013-03-04", "2013-03-10")
DAY, AS_OF = "2013-03-10", "2013-03-11"
MODEL = {"uri": "models:/m", "sha256": "s"}


def decided(workspace, gate, verdict, *, partition=None, as_of=None, evidence=None):
    return workspace.ledger.append(
        Decision(
            use_case="trips",
            gate=gate,
            partition=partition,
            as_of=as_of or partitions.shift(partition, 1),
            verdict=verdict,
            reasons=["because"],
            evidence=evidence or {},
            rule="a rule",
            error_rate=None,
            policy_hash="p",
            data_refs=[],
            code_version="c",
            actor="tests",
        )
    )


def promoted(workspace, as_of, version="1"):
    decided(workspace, "training", "pass", as_of=as_of, evidence={"train_rows": 1000})
    evidence = {
        "version": version,
        "run_id": f"r{version}",
        "as_of": as_of,
        "effective_from": as_of,
        "model": MODEL,
        "evaluation_id": "e",
        "feature_set_version": "f",
    }
    decided(workspace, "promotion", "pass", as_of=as_of, evidence=evidence)


@pytest.fixture
def watched(bare):
    """A champion of the 25th of February, and a week of which three days are marked."""
    promoted(bare, "2013-02-25")
    for day in DAYS:
        decided(bare, "drift", "warn" if day in DAYS[-2:] else "pass", partition=day)
        decided(bare, "performance", "warn" if day == DAYS[0] else "pass", partition=day)
    return bare


@pytest.fixture(scope="module")
def needed(trips, changed):
    return changed(trips, {"monitoring.retraining.schedule": "when_needed"})


def admitted(use_case, workspace, as_of=AS_OF, asked_by="schedule"):
    return admit_training(
        use_case, as_of, asked_by=asked_by, request="why", actor="tests", workspace=workspace
    )


def test_marks_of_the_last_partitions(trips, watched):
    marks = marks_of(watched.ledger, "trips", DAY, trips.monitoring.retraining)
    assert list(marks) == DAYS
    assert {day: gates for day, gates in marks.items() if gates} == {
        DAYS[0]: ["performance"],
        DAYS[-2]: ["drift"],
        DAYS[-1]: ["drift"],
    }


def test_monitoring_orders_once_and_names_it_for_the_training(trips, watched):
    order = judge_after_partition(trips, DAY, actor="tests", workspace=watched)
    assert order.verdict.opens
    assert judge_after_partition(trips, DAY, actor="tests", workspace=watched).id == order.id
    assert ordered_by(order.id, trips, AS_OF, watched.ledger).id == order.id


def test_doubtful_batches_hold_an_order_back(trips, watched):
    decided(watched, "ingestion", "refuse", partition=DAYS[-2])
    decided(watched, "ingestion", "warn", partition=DAY)  # drift at the door is a ground, no doubt
    assert judge_after_partition(trips, DAY, actor="tests", workspace=watched).verdict.opens
    decided(watched, "quality", "warn", partition=DAY)
    held = judge_after_partition(trips, DAY, actor="tests", workspace=watched)
    assert not held.verdict.opens
    assert "the data itself is doubtful" in held.reasons[0]
    assert held.evidence["suspect"] == {DAYS[-2]: "ingestion refuse", DAY: "quality warn"}


def test_a_day_that_the_champion_knows_orders_nothing(trips, watched):
    promoted(watched, "2013-04-01", version="2")
    held = judge_after_partition(trips, DAY, actor="tests", workspace=watched)
    assert "is historical" in held.reasons[0]


def test_a_scheduled_training_that_is_needed_is_admitted_once(needed, watched):
    decision = admitted(needed, watched)
    assert decision.verdict.opens
    # Repeated after the training it stays the same, though there is another champion by then.
    promoted(watched, AS_OF, version="2")
    assert admitted(needed, watched).id == decision.id


def test_a_scheduled_training_that_is_not_needed_is_held_back_on_the_record(needed, bare):
    promoted(bare, "2013-03-04")
    with pytest.raises(TrainingNotNeeded, match="not needed") as raised:
        admitted(needed, bare)
    assert not bare.ledger.get(raised.value.decision_id).verdict.opens


def test_a_person_is_never_held_back(needed, bare):
    promoted(bare, "2013-03-04")
    decision = admitted(needed, bare, asked_by="person")
    assert decision.reasons == ["train as of 2013-03-11: asked for by a person: why"]


def test_an_order_that_is_none_starts_nothing(trips, watched):
    refused = judge_after_partition(trips, DAYS[2], actor="tests", workspace=watched)
    other = watched.ledger.find(gate="drift")[0]
    order = judge_after_partition(trips, DAY, actor="tests", workspace=watched)
    wrong = [(refused.id, partitions.shift(DAYS[2], 1)), (other.id, AS_OF), (order.id, "2013-03-12")]
    for decision_id, as_of in wrong:
        with pytest.raises(ConfigurationError, match="orders no training"):
            ordered_by(decision_id, trips, as_of, watched.ledger)
