"""Golden inputs, invariances, budgets, value, conditions, and metrics of other problems."""

import numpy as np
import pytest

from include.evaluation.figures import Unmeasured
from include.evaluation.measuring import figures
from include.use_case_sections import (
    BaselineGate,
    BudgetGate,
    ChampionGate,
    ConditionsGate,
    FloorGate,
    GoldenGate,
    InvarianceGate,
    ValueGate,
)

STATE = {
    "owner": "operations",
    "card_missing": [],
    "data_age_days": 1,
    "window_days": 56,
    "missing_days": 2,
}
STORM = {"name": "a storm", "inputs": {"rain": 3.0, "wind": 3.0, "origin": "JFK"}, "min": 0.9}


def golden(**changes):
    return GoldenGate.model_validate({"kind": "golden", "cases": [STORM | changes]})


def test_known_inputs_have_known_answers(rules):
    case = rules.case()
    assert rules.judged(golden(), case)[0] == "pass"
    verdict, reason = rules.judged(golden(min=0.999), case)
    assert (verdict, reason) == ("refuse", "golden: a storm: 0.989, must lie in [0.999, inf]")
    broken = rules.case(rules.Model(lambda rows: rows["rain"] * np.nan), score=case.score)
    assert rules.judged(golden(), broken)[0] == "refuse"
    with pytest.raises(ValueError, match="the model has no feature snow"):
        rules.judged(golden(inputs={"snow": 1.0}), case)


def moved(feature, change, expect, **more):
    content = {"kind": "invariance", "feature": feature, "change": change, "expect": expect}
    return InvarianceGate.model_validate(content | more)


MORE = {"kind": "shift", "by": 1.0}
MOVES = {
    "noise is irrelevant": (moved("noise", {"kind": "shuffle"}, "same"), "pass"),
    "rain is not": (moved("rain", {"kind": "shuffle"}, "same"), "refuse"),
    "more rain never lowers": (moved("rain", MORE, "not_lower"), "pass"),
    "more rain raises": (moved("rain", MORE, "not_higher"), "refuse"),
    "in all rows, which the rule allows": (moved("rain", MORE, "not_higher", max_share=1.0), "pass"),
    "one value for all": (moved("origin", {"kind": "replace", "value": "JFK"}, "same"), "pass"),
    "within the tolerance": (moved("rain", MORE, "same", tolerance=0.9), "pass"),
}


@pytest.mark.parametrize(("rule", "verdict"), MOVES.values(), ids=MOVES)
def test_invariances(rules, rule, verdict):
    assert rules.judged(rule, rules.case())[0] == verdict


def test_a_model_that_cannot_answer_the_changed_input_is_refused(rules):
    def fragile(rows):
        return np.where(rows["noise"] > 50, np.nan, rows["rain"])

    rule = moved("noise", {"kind": "shift", "by": 100.0}, "not_lower")
    assert rules.judged(rule, rules.case(rules.Model(fragile)))[0] == "refuse"


BUDGETS = {
    "small enough": ({"model_mb": 1.2}, {}, "pass"),
    "too large": ({"model_mb": 80.0}, {}, "refuse"),
    "fast enough": ({"model_mb": 1.0, "one_ms": 3.0}, {"max_one_ms": 5.0}, "pass"),
    "too slow": ({"model_mb": 1.0, "one_ms": 9.0}, {"max_one_ms": 5.0}, "refuse"),
    "declared and not measured": ({"model_mb": 1.0}, {"max_one_ms": 5.0}, "refuse"),
    "not a number": ({"model_mb": float("nan")}, {}, "refuse"),
    "nothing declared": ({}, {"max_model_mb": None}, "pass"),
}


@pytest.mark.parametrize(("measured", "limits", "verdict"), BUDGETS.values(), ids=BUDGETS)
def test_budgets(rules, measured, limits, verdict):
    rule = BudgetGate.model_validate({"kind": "budget"} | limits)
    assert rules.judged(rule, rules.case(budget=measured))[0] == verdict


def value(matrix, **more):
    return ValueGate.model_validate({"kind": "value", "value": {"kind": "matrix"} | matrix} | more)


WORTH = {"true_positive": 10.0, "false_positive": -6.0}


def test_a_model_must_be_worth_more_than_doing_nothing(rules):
    case = rules.case()
    verdict, reason = rules.judged(value(WORTH, unit="EUR"), case)
    assert verdict == "pass"
    acted, late = case.score >= 0.5, case.label == 1
    expected = np.where(acted, np.where(late, 10, -6), 0).mean()
    assert reason.startswith(f"value: {expected:.4g} EUR a row")
    assert rules.judged(value({"true_positive": 1.0, "false_positive": -60.0}), case)[0] == "refuse"


def test_a_candidate_worth_less_than_the_champion_is_refused(rules):
    worse = rules.Model(lambda rows: rows["noise"])
    case = rules.case(worse, champion=rules.Model())
    assert rules.judged(value(WORTH | {"false_positive": -1.0}), case)[0] == "pass"
    rule = value(WORTH | {"false_positive": -1.0}, champion_margin=0.1)
    verdict, reason = rules.judged(rule, case)
    assert (verdict, "over the champion" in reason) == ("refuse", True)


def worth_of_nothing(label, score):
    return np.zeros(len(label))


def test_value_by_a_function(rules, monkeypatch):
    import math

    monkeypatch.setattr(
        math, "worth", lambda label, score: np.where(score > 0.5, label * 2.0, 0), raising=False
    )
    by = {"kind": "value", "value": {"kind": "function", "function": "math:worth"}}
    assert rules.judged(ValueGate.model_validate(by), rules.case())[0] == "pass"
    by["value"]["function"] = "math:nowhere"
    with pytest.raises(ValueError, match="math:nowhere cannot be imported"):
        rules.judged(ValueGate.model_validate(by), rules.case())


STATES = {
    "in order": ({}, {}, "pass"),
    "an open card": ({"card_missing": ["limits"]}, {}, "refuse"),
    "an open card that nobody asks for": ({"card_missing": ["limits"]}, {"model_card": False}, "pass"),
    "nobody answers for it": ({"owner": " "}, {}, "refuse"),
    "old data": ({"data_age_days": 30}, {}, "refuse"),
    "half the window lost": ({"missing_days": 40}, {}, "refuse"),
}


@pytest.mark.parametrize(("changes", "limits", "verdict"), STATES.values(), ids=STATES)
def test_conditions(rules, changes, limits, verdict):
    rule = ConditionsGate.model_validate({"kind": "conditions"} | limits)
    assert rules.judged(rule, rules.case(state=STATE | changes))[0] == verdict


def test_what_cannot_be_measured_is_told_and_not_raised(rules):
    found = figures(rules.case(), [golden(inputs={"snow": 1.0}), moved("snow", MORE, "same")])
    unmeasured = [figure for figure in found.values() if isinstance(figure, Unmeasured)]
    assert len(unmeasured) == 2
    assert all("no feature snow" in figure.reason for figure in unmeasured)
    assert {"metric:roc_auc", "metric:brier", "baseline:roc_auc"} <= set(found)
    assert "champion:roc_auc" not in found


# Other metrics, other problems


@pytest.mark.parametrize("metric", ["log_loss", "brier", "average_precision"])
def test_a_better_candidate_passes_and_a_worse_one_does_not_by_any_metric(rules, metric):
    noisy = rules.Model(lambda rows: rows["rain"] + 0.5 * rows["wind"] + 2 * rows["noise"])
    rule = ChampionGate(kind="champion", metric=metric, test="superiority")
    assert rules.judged(rule, rules.case(champion=noisy))[0] == "pass"
    assert rules.judged(rule, rules.case(noisy, champion=rules.Model()))[0] == "refuse"


def test_a_ceiling_for_metrics_of_which_less_is_better(rules):
    case = rules.case()
    for limit, verdict in ((0.7, "pass"), (0.3, "refuse"), (float(np.round(log_loss(case), 4)), "undecided")):
        assert rules.judged(FloorGate(kind="floor", metric="log_loss", max=limit), case)[0] == verdict


def log_loss(case):
    return case.kind.metric("log_loss")(case.label, case.score)


def test_a_regression_is_judged_by_its_own_metrics(rules):
    rows = rules.holdout()
    truth = (rows["rain"] + 0.5 * rows["wind"]).to_numpy()
    noise = np.random.default_rng(5).normal(size=(2, len(rows)))
    changes = {"kind": rules.regression, "label": truth + noise[0], "baseline_score": np.zeros(len(rows))}
    case = rules.case(rows=rows, score=truth, **changes)
    assert rules.judged(FloorGate(kind="floor"), case)[0] == "pass"
    assert rules.judged(BaselineGate(kind="baseline"), case)[0] == "pass"
    useless = rules.case(rows=rows, score=2 * noise[1], **changes)
    assert rules.judged(BaselineGate(kind="baseline"), useless)[0] == "refuse"
