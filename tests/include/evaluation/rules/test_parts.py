"""Slices, fairness, calibration, stability: what a good overall figure hides is found, and chance is not."""

import numpy as np
import pytest
from fairlearn.metrics import demographic_parity_difference, equal_opportunity_difference

from include.evaluation.rules.fairness import FAIRNESS
from include.evaluation.rules.slices import SLICES
from include.use_case_sections import CalibrationGate, FairnessGate, SlicesGate, StabilityGate


def blind_at(origin):
    return lambda rows: np.where(rows["origin"] == origin, 0, rows["rain"] + 0.5 * rows["wind"])


# Slices


def test_a_slice_that_the_model_is_blind_for_is_found_by_name_and_by_search(rules):
    case = rules.case(rules.Model(blind_at("LGA")))
    for rule in (
        SlicesGate(kind="slices", by=["origin"], search=False),
        SlicesGate(kind="slices", search=True),
    ):
        verdict, reason = rules.judged(rule, case)
        assert verdict == "refuse"
        assert "origin = LGA" in reason


def test_a_slice_that_the_champion_serves_better_is_found(rules):
    case = rules.case(rules.Model(blind_at("LGA")), champion=rules.Model())
    rule = SlicesGate(kind="slices", by=["origin"], search=False, against="champion")
    verdict, reason = rules.judged(rule, case)
    assert verdict == "refuse"
    assert "under the champion" in reason
    alone = rules.case(rules.Model(blind_at("LGA")))
    assert rules.judged(rule, alone) == ("pass", "slices: no champion to compare with")


def test_the_search_raises_few_false_alarms_where_no_slice_differs(rules):
    """Each in at most 5 % of holdouts; more than one among eight would be a sign of a rule that errs more."""
    rule = SlicesGate(kind="slices", max_drop=0.0)
    verdicts = [
        rules.judged(rule, rules.case(rows=rules.holdout(seed, 10, 100), numbers=("noise",)))[0]
        for seed in range(2, 10)
    ]
    assert verdicts.count("refuse") <= 1


def test_slices_by_a_column_of_the_batch_and_too_small_ones(rules):
    rows = rules.holdout()
    carrier = np.where(np.arange(len(rows)) % 50 == 0, "small", "large")
    case = rules.case(rows=rows, attributes={"carrier": carrier})
    rule = SlicesGate(kind="slices", by=["carrier"], search=False)
    assert rules.judged(rule, case) == ("warn", "slices: none of 200 rows or more, so none was judged")
    with pytest.raises(KeyError, match="seat"):
        SLICES.measure(SlicesGate(kind="slices", by=["seat"]), case)


# Fairness


def unfair(gap):
    return lambda rows: rows["rain"] + 0.5 * rows["wind"] + np.where(rows["origin"] == "JFK", gap, 0)


@pytest.mark.parametrize("measure", ["demographic_parity", "equal_opportunity"])
@pytest.mark.parametrize(("gap", "verdict"), [(0.0, "pass"), (2.0, "refuse")], ids=["alike", "unlike"])
def test_groups_that_are_treated_alike_pass_and_others_do_not(rules, measure, gap, verdict):
    rule = FairnessGate(kind="fairness", attribute="origin", measure=measure, max_difference=0.12)
    assert rules.judged(rule, rules.case(rules.Model(unfair(gap))))[0] == verdict


def test_the_point_figure_is_that_of_fairlearn(rules):
    case = rules.case(rules.Model(unfair(0.7)))
    acted = (case.score >= 0.5).astype(int)
    for measure, function in (
        ("demographic_parity", demographic_parity_difference),
        ("equal_opportunity", equal_opportunity_difference),
    ):
        found = FAIRNESS.measure(FairnessGate(kind="fairness", attribute="origin", measure=measure), case)
        rates = [sum(group.acted) / sum(group.counted) for group in found.counts.values()]
        expected = function(case.label, acted, sensitive_features=case.rows["origin"])
        assert found.difference == pytest.approx(expected)
        assert max(rates) - min(rates) == pytest.approx(expected)


@pytest.mark.parametrize("unclear", ["pass", "warn", "undecided"])
def test_what_cannot_be_said_is_for_the_use_case_to_decide(rules, unclear):
    rule = FairnessGate(kind="fairness", attribute="origin", max_difference=0.02, unclear=unclear)
    small = rules.case(rows=rules.holdout(days=7, rows=40))
    assert rules.judged(rule, small)[0] == unclear
    rows = rules.holdout().assign(origin="JFK")
    verdict, reason = rules.judged(rule, rules.case(rows=rows))
    assert (verdict, "fewer than two groups" in reason) == (unclear, True)


# Calibration

CALIBRATED = CalibrationGate(kind="calibration", max_error=0.05)
MODELS = {
    "calibrated": (lambda rows: rows["rain"] + 0.5 * rows["wind"], "pass"),
    "overconfident": (lambda rows: 4 * (rows["rain"] + 0.5 * rows["wind"]), "refuse"),
    "too timid": (lambda rows: 0.2 * (rows["rain"] + 0.5 * rows["wind"]), "refuse"),
    "too high": (lambda rows: rows["rain"] + 0.5 * rows["wind"] + 1.0, "refuse"),
    "all the same": (lambda rows: 0 * rows["rain"], "refuse"),
}


@pytest.mark.parametrize(("log_odds", "verdict"), MODELS.values(), ids=MODELS)
def test_calibration(rules, log_odds, verdict):
    case = rules.case(rules.Model(log_odds))
    if verdict == "refuse" and len(set(case.score)) == 1:
        # There is no slope of a constant: the measurement says so, and what is not measured is refused.
        with pytest.raises(ValueError, match="there is no such figure"):
            rules.judged(CALIBRATED, case)
        return
    assert rules.judged(CALIBRATED, case)[0] == verdict


# Stability


def test_days_on_which_the_model_fails_are_counted(rules):
    rows = rules.holdout()
    bad = rows["partition"].isin(["2013-01-02", "2013-01-05", "2013-01-09", "2013-01-12", "2013-01-13"])
    turned = rows.assign(label=np.where(bad, 1 - rows["label"], rows["label"]))
    rule = StabilityGate(kind="stability")
    assert rules.judged(rule, rules.case(rows=rows))[0] == "pass"
    verdict, reason = rules.judged(rule, rules.case(rows=turned))
    assert verdict == "refuse"
    assert "5 of 14 days" in reason
    assert "2013-01-05" in reason
    assert rules.judged(rule.model_copy(update={"max_bad_share": 0.4}), rules.case(rows=turned))[0] == "pass"
    assert rules.judged(rule.model_copy(update={"min_rows": 500}), rules.case(rows=rows))[0] == "undecided"
