"""The gate of training sets: a table of cases, and that a worse set never gets a better verdict."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.decisions import Verdict
from include.training.gate import TrainingEvidence, check
from include.use_case_sections import Training

POLICY = Training(min_training_partitions=5, min_holdout_partitions=3, max_single_feature_auc=0.9)
SOUND = TrainingEvidence(
    reason="schedule",
    train_partitions=5,
    holdout_partitions=3,
    train_rows=1000,
    holdout_rows=300,
    positives=200,
    missing=[],
    feature_set_version="v2",
    feature_set_versions=["v2"],
    single_feature_auc={"wind": 0.6, "carrier": 0.55},
)
CASES = {
    "enough": ({}, "pass", ["1000 rows of 5 days to learn from"]),
    "too few to learn from": (
        {"train_partitions": 4},
        "refuse",
        ["4 partitions to learn from, needed 5"],
    ),
    "too few held out": ({"holdout_partitions": 2}, "refuse", ["2 partitions held out, needed 3"]),
    "some days missing": (
        {"missing": ["2013-02-08", "2013-02-09"]},
        "warn",
        ["no usable rows for 2013-02-08, 2013-02-09"],
    ),
    "nothing at all": (
        {
            "train_partitions": 0,
            "holdout_partitions": 0,
            "train_rows": 0,
            "positives": 0,
            "feature_set_versions": [],
            "single_feature_auc": {},
        },
        "refuse",
        ["0 partitions to learn from, needed 5", "0 partitions held out, needed 3"],
    ),
    "one label: never": ({"positives": 0}, "refuse", ["all 1000 rows have the same label"]),
    "one label: always": ({"positives": 1000}, "refuse", ["all 1000 rows have the same label"]),
    "one label cannot be checked": (
        {"positives": 0, "single_feature_auc": {"wind": None}},
        "refuse",
        ["all 1000 rows have the same label"],
    ),
    "a leak": (
        {"single_feature_auc": {"wind": 0.901}},
        "refuse",
        ["feature wind alone reaches AUC 0.901, above 0.9: it looks like a leak"],
    ),
    "at the limit": ({"single_feature_auc": {"wind": 0.9}}, "pass", ["1000 rows of 5 days to learn from"]),
    "not checked": (
        {"single_feature_auc": {"wind": 0.6, "carrier": None, "origin": None}},
        "refuse",
        ["not checked for a leak, for want of both labels on the days: carrier, origin"],
    ),
    "older definitions": (
        {
            "feature_set_versions": ["v1", "v2"],
            "built_otherwise": ["2013-01-03", "2013-01-07"],
            "use_case": "trips",
        },
        "refuse",
        [
            "2 days were built with feature versions ['v1', 'v2'], the definitions are now v2; build them "
            "again with: ./airlock rebuild-features trips --from 2013-01-03 --to 2013-01-07"
        ],
    ),
    "older definitions, decided by an earlier release": (
        {"feature_set_versions": ["v1"]},
        "refuse",
        [
            "some days were built with feature versions ['v1'], the definitions are now v2; build them again "
            "with: ./airlock rebuild-features --from FIRST --to LAST"
        ],
    ),
    "missing days, with what the ledger says": (
        {"missing": ["2013-02-08"], "missing_because": {"never landed": ["2013-02-08"]}},
        "warn",
        ["no usable rows for 2013-02-08: never landed"],
    ),
    "amounts that do not vary": (
        {"positives": None, "label_varies": False},
        "refuse",
        ["all 1000 rows have the same label"],
    ),
    "a leak of amounts": (
        {"measure": "correlation", "single_feature_auc": {"wind": 0.985}},
        "refuse",
        ["feature wind alone reaches rank correlation 0.985, above 0.98: it looks like a leak"],
    ),
    "amounts have a limit of their own": (
        {"measure": "correlation", "single_feature_auc": {"wind": 0.95}},
        "pass",
        ["1000 rows of 5 days to learn from"],
    ),
    "a leak together": (
        {"joint": 0.995, "joint_blamed": ["wind", "carrier"]},
        "refuse",
        [
            "a shallow model of all features reaches AUC 0.995, above 0.99: they look like a leak together, "
            "wind and carrier most of all"
        ],
    ),
    "not a number is no proof of innocence": (
        {"joint": float("nan"), "joint_blamed": []},
        "refuse",
        [
            "a shallow model of all features reaches AUC nan, above 0.99: they look like a leak together, "
            "no one most of all"
        ],
    ),
    "a feature that reads the outcome": (
        {"reads_outcome": {"wind": ["arr_delay"]}},
        "refuse",
        ["feature wind reads arr_delay, known only after the outcome"],
    ),
    "rows from the future": (
        {"impossible": {"events after the as-of": 3}},
        "refuse",
        ["3 events after the as-of: they were written with what came later"],
    ),
    "entities on both sides": (
        {"shared_entities": {"patient": 2, "ward": 0}},
        "refuse",
        ["2 values of patient stand in training and holdout, declared to be disjoint"],
    ),
    "refusals before warnings": (
        {"train_partitions": 1, "missing": ["2013-02-08"]},
        "refuse",
        ["1 partitions to learn from, needed 5", "no usable rows for 2013-02-08"],
    ),
}


@pytest.mark.parametrize(("changes", "verdict", "reasons"), CASES.values(), ids=CASES)
def test_verdicts(changes, verdict, reasons):
    ruling = check(SOUND.model_copy(update=changes), POLICY)
    assert (ruling.verdict.value, ruling.reasons) == (verdict, reasons)


def test_a_mixture_of_definitions_is_refused():
    ruling = check(SOUND.model_copy(update={"feature_set_versions": ["v1", "v2"]}), POLICY)
    assert ruling.verdict is Verdict.REFUSE


SEVERITY = [Verdict.PASS, Verdict.WARN, Verdict.REFUSE]


@given(
    partitions=st.tuples(st.integers(0, 10), st.integers(0, 10)),
    auc=st.floats(0.5, 1),
    missing=st.integers(0, 3),
    fewer=st.integers(0, 3),
    closer=st.floats(0, 0.5),
)
@settings(deadline=None)
def test_a_worse_set_never_gets_a_better_verdict(partitions, auc, missing, fewer, closer):
    def verdict(fewer, closer):
        changes = {
            "train_partitions": max(partitions[0] - fewer, 0),
            "holdout_partitions": max(partitions[1] - fewer, 0),
            "missing": ["2013-01-01"] * (missing + fewer),
            "single_feature_auc": {"wind": min(auc + closer, 1.0)},
        }
        return SEVERITY.index(check(SOUND.model_copy(update=changes), POLICY).verdict)

    assert verdict(fewer, closer) >= verdict(0, 0.0)
