"""The short form of `make gate-faults`: every known fault is caught by the gate that is made for it."""

import pytest

from bench.decisions.caught import Caught, uncaught
from bench.decisions.model_faults import faults_of_rules
from bench.decisions.stage_faults import faults_of_stages


def test_every_fault_of_a_model_is_caught_and_the_sound_one_is_not():
    found = faults_of_rules(rows=250)
    assert uncaught(found) == [], found
    assert {caught.fault for caught in found} >= {
        "shuffled labels",
        "unit of a feature changed",
        "a slice made bad",
        "slower model",
        "scores out of calibration",
        "stale data",
        "unfair shift",
    }


def test_every_fault_of_data_and_artefacts_is_caught(championed, flying):
    found = faults_of_stages(flying, "2013-01-14", championed)
    assert {caught.fault: caught.by for caught in found} == {
        "holdout contamination": "evaluation",
        "label leak": "training",
        "swapped artefact": "registry",
    }
    assert "learned from days that it is judged on" in found[0].reason
    assert "distance" in found[1].reason


@pytest.mark.parametrize(
    ("found", "lost"),
    [
        ([Caught("none (control)", "", ""), Caught("leak", "", "")], ["leak"]),
        ([Caught("none (control)", "floor", "")], ["none (control): refused by floor"]),
    ],
    ids=["a fault goes through", "gates that refuse everything"],
)
def test_what_is_not_caught_is_told(found, lost):
    assert uncaught(found) == lost
