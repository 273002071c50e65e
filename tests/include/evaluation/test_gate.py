"""The gate of evaluations: a table of cases, and that a better candidate never fares worse."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.decisions import Verdict
from include.evaluation.figures import Difference, Estimate, EvaluationEvidence, Unmeasured
from include.evaluation.gate import check
from include.use_case_sections import BaselineGate, ChampionGate, Evaluation, FloorGate

FLOOR = FloorGate(kind="floor", metric="roc_auc", min=0.6)
BASELINE = BaselineGate(kind="baseline", margin=0.0)
# The whole of alpha for the first candidate of a holdout, so that the limits are those of a plain test.
CHAMPION = ChampionGate(kind="champion", margin=0.02, first_share=0.999999)
DAYS = 6.0
NAN = math.nan


def auc(value, error=0.01):
    return Estimate(value=value, standard_error=error, degrees_of_freedom=DAYS)


def against(gap, error=0.01):
    return Difference(candidate=0.7 + gap, other=0.7, standard_error=error, degrees_of_freedom=DAYS)


SOUND = EvaluationEvidence(
    run_id="run",
    rows=1000,
    positives=200,
    days=7,
    champion_state="compared",
    champion_version="3",
    figures={
        "metric:roc_auc": auc(0.7),
        "baseline:roc_auc": against(0.05),
        "champion:roc_auc": against(0.01),
    },
)


def changed(figures=None, **changes):
    """Return the sound evidence with other figures; None takes one away."""
    held = {**SOUND.figures, **{f"{name}:roc_auc": figure for name, figure in (figures or {}).items()}}
    held = {key: figure for key, figure in held.items() if figure is not None}
    return SOUND.model_copy(update={"figures": held, **changes})


# Limits of a one-sided test at 5 % with 6 degrees of freedom: 1.943 standard errors.
FLOORS = {
    "well above": (auc(0.7), "pass", "at least 0.681, against 0.600"),
    "just above": (auc(0.6195), "pass", "at least 0.600"),
    "above, but not surely": (auc(0.6190), "undecided", "too close to say"),
    "below, but not surely": (auc(0.585), "undecided", "too close to say"),
    "surely below": (auc(0.58), "refuse", "AUC 0.580"),
    "perfect": (auc(1.0, 0.0), "undecided", "without any spread between days"),
    "not a number": (auc(NAN), "refuse", "not a number"),
    "an error that is not a number": (auc(0.9, NAN), "refuse", "not a number"),
}
BASELINES = {
    "better": (against(0.05), "pass", "a difference of +0.050, at least +0.031, needed above -0.000"),
    "better, but not surely": (against(0.01), "undecided", "the holdout is too small to say"),
    "equal": (against(0.0), "undecided", "the holdout is too small to say"),
    "surely worse": (against(-0.05), "refuse", "a difference of -0.050"),
    "there is none": (Unmeasured(reason="there is no baseline"), "refuse", "baseline: there is no baseline"),
    "it was not measured": (None, "refuse", "baseline: the evidence holds no figure for this rule"),
    "no spread": (against(0.05, 0.0), "undecided", "without any spread between days this is no evidence"),
    "not a number": (against(NAN), "refuse", "not a number"),
}
CHAMPIONS = {
    "better": ("compared", against(0.05), "pass", "champion: AUC 0.750 against 0.700"),
    "equal on much data": ("compared", against(0.0, 0.004), "pass", "needed above -0.020"),
    "equal on little data": ("compared", against(0.0, 0.05), "undecided", "too small to say"),
    "worse by less than the margin, shown": ("compared", against(-0.01, 0.004), "pass", "at least -0.018"),
    "worse by less than the margin, not shown": ("compared", against(-0.015, 0.004), "refuse", "-0.015"),
    "worse by more than the margin": ("compared", against(-0.05), "refuse", "-0.050"),
    "the same model": ("compared", against(0.0, 0.0), "pass", "a difference of +0.000"),
    "no spread": ("compared", against(-0.01, 0.0), "undecided", "without any spread"),
    "not a number": ("compared", against(0.1, NAN), "refuse", "not a number"),
    "cold start": ("none", None, "pass", "none yet, the other rules decide"),
    "newer": ("newer", None, "warn", "version 3 learned from later data"),
    "incompatible": ("incompatible", None, "refuse", "version 3 cannot score today's features"),
    "compared, but the figures are lost": ("compared", None, "refuse", "the evidence holds no figure"),
}


def ruled(evidence, *gates, min_rows=500):
    return check(evidence, Evaluation(gates=list(gates), min_rows=min_rows))


def verdict_on(evidence, *gates):
    ruling = ruled(evidence, *gates)
    return ruling.verdict.value, ruling.reasons[0]


@pytest.mark.parametrize(("figures", "verdict", "reason"), FLOORS.values(), ids=FLOORS)
def test_floor(figures, verdict, reason):
    found = verdict_on(changed({"metric": figures}), FLOOR)
    assert found[0] == verdict
    assert reason in found[1]


@pytest.mark.parametrize(("figures", "verdict", "reason"), BASELINES.values(), ids=BASELINES)
def test_baseline(figures, verdict, reason):
    found = verdict_on(changed({"baseline": figures}), BASELINE)
    assert found[0] == verdict
    assert reason in found[1]


@pytest.mark.parametrize("case", CHAMPIONS.values(), ids=CHAMPIONS)
def test_champion(case):
    state, figures, verdict, reason = case
    evidence = changed({"champion": figures}, champion_state=state)
    found = verdict_on(evidence, CHAMPION)
    assert found[0] == verdict
    assert reason in found[1]


SUPERIOR = ChampionGate(kind="champion", test="superiority", first_share=0.999999)
# With an error of .01 the limit for "better" is 1.943 errors, and that against harm 3.143 errors - .01.
SUPERIORITY = {
    "better": ({"champion": against(0.03)}, {}, "pass", "almost surely at least -0.001, needed above -0.010"),
    "just better, no harm": ({"champion": against(0.0215)}, {}, "pass", "almost surely at least -0.010"),
    "better, and harm is not excluded": (
        {"champion": against(0.05, 0.02)},
        {},
        "undecided",
        "needed above -0.010: the holdout is too small to say",
    ),
    "the same without that bound": (
        {"champion": against(0.05, 0.02)},
        {"harm_margin": None},
        "pass",
        "+0.011",
    ),
    "days are told": (
        {"champion": against(0.01, 0.02)},
        {},
        "undecided",
        "about 38 more days like these would",
    ),
    "no days would do": (
        {"champion": against(0.01, 5.0)},
        {},
        "undecided",
        "no number of such days would do",
    ),
    "equal on much data": ({"champion": against(0.0, 0.004)}, {}, "refuse", "at least -0.008"),
}


@pytest.mark.parametrize(("figures", "rule", "verdict", "reason"), SUPERIORITY.values(), ids=SUPERIORITY)
def test_a_better_candidate_must_also_be_almost_surely_harmless(figures, rule, verdict, reason):
    found = verdict_on(changed(figures, judged_days=7), SUPERIOR.model_copy(update=rule))
    assert found[0] == verdict
    assert reason in found[1]


TOGETHER = {
    "all pass": ({}, "pass"),
    "one warns": ({"champion_state": "newer"}, "warn"),
    "one is undecided": ({"figures": {"baseline": against(0.0)}}, "undecided"),
    "a refusal outweighs": ({"figures": {"baseline": against(0.0), "metric": auc(0.5)}}, "refuse"),
    "one class only": ({"judgeable": False, "figures": {}}, "undecided"),
    "too few rows": ({"rows": 499}, "undecided"),
    "too few rows do not excuse": ({"rows": 499, "figures": {"metric": auc(0.5)}}, "refuse"),
    "no rows": ({"rows": 0, "positives": 0, "days": 0, "judgeable": False}, "undecided"),
}


@pytest.mark.parametrize(("changes", "verdict"), TOGETHER.values(), ids=TOGETHER)
def test_every_rule_must_pass(changes, verdict):
    ruling = ruled(changed(**changes), FLOOR, BASELINE, CHAMPION)
    assert ruling.verdict.value == verdict
    assert ruling.verdict.opens == (verdict in {"pass", "warn"})


def test_the_reasons_begin_with_the_worst_and_leave_none_out():
    evidence = changed({"baseline": against(0.0), "metric": auc(0.5)})
    reasons = ruled(evidence, BASELINE, CHAMPION, FLOOR).reasons
    assert [reason.partition(":")[0] for reason in reasons] == ["floor", "baseline", "champion"]


def test_the_error_rate_is_that_of_the_loosest_rule():
    strict = FLOOR.model_copy(update={"alpha": 0.001})
    assert ruled(SOUND, strict).error_rate == 0.001
    assert ruled(SOUND, strict, CHAMPION.model_copy(update={"alpha": 0.1})).error_rate == 0.1


# Laws

SEVERITY = [Verdict.PASS, Verdict.WARN, Verdict.UNDECIDED, Verdict.REFUSE]
GAPS, ERRORS = st.floats(-0.6, 0.2), st.floats(1e-6, 0.5)
MARGINS, ALPHAS = st.floats(0, 0.2), st.sampled_from([0.001, 0.01, 0.05, 0.2])


@given(
    kind=st.sampled_from(["baseline", "champion"]),
    gap=GAPS,
    more=st.floats(0, 0.8),
    error=ERRORS,
    margin=MARGINS,
)
@settings(deadline=None)
def test_a_better_difference_never_gives_a_worse_verdict(kind, gap, more, error, margin):
    gate = (BASELINE if kind == "baseline" else CHAMPION).model_copy(update={"margin": margin})

    def severity(value):
        return SEVERITY.index(ruled(changed({kind: against(value, error)}), gate).verdict)

    assert severity(gap + more) <= severity(gap)


@given(value=st.floats(0, 1), more=st.floats(0, 1), error=ERRORS, floor=st.floats(0, 1))
@settings(deadline=None)
def test_a_higher_auc_never_gives_a_worse_verdict(value, more, error, floor):
    gate = FLOOR.model_copy(update={"min": floor})

    def severity(value):
        return SEVERITY.index(ruled(changed({"metric": auc(value, error)}), gate).verdict)

    assert severity(min(value + more, 1.0)) <= severity(value)


@given(gap=GAPS, error=ERRORS, alpha=ALPHAS, margin=MARGINS, more=st.floats(0, 0.2))
@settings(deadline=None)
def test_a_wider_margin_never_shuts_an_open_door(gap, error, alpha, margin, more):
    def opens(margin):
        gate = CHAMPION.model_copy(update={"margin": margin, "alpha": alpha})
        return ruled(changed({"champion": against(gap, error)}), gate).verdict.opens

    assert opens(margin + more) or not opens(margin)


@given(rows=st.integers(0, 2000), min_rows=st.integers(2, 2000), gap=GAPS, error=ERRORS)
@settings(deadline=None)
def test_too_few_rows_never_open_the_door(rows, min_rows, gap, error):
    evidence = changed({"champion": against(gap, error)}, rows=rows)
    ruling = ruled(evidence, FLOOR, BASELINE, CHAMPION, min_rows=min_rows)
    assert rows >= min_rows or not ruling.verdict.opens
