"""A holdout without a lake: models as functions of their columns, so that it is known what is wrong."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from include.evaluation.rules import FAMILIES, Case
from include.problems import kind_of
from include.use_case_sections import BinaryProblem, RegressionProblem

DAYS, ROWS = 14, 200
BINARY = kind_of(BinaryProblem(kind="binary", question="?", key=["id"]))
REGRESSION = kind_of(RegressionProblem(kind="regression", question="?", key=["id"]))


class Model:
    """A model whose probability is a function of its columns."""

    feature_names_in_ = ("rain", "wind", "noise", "origin")

    def __init__(self, log_odds=lambda rows: rows["rain"] + 0.5 * rows["wind"]):
        self.log_odds = log_odds

    def predict_proba(self, rows):
        one = 1 / (1 + np.exp(-np.asarray(self.log_odds(rows), dtype=float)))
        return np.column_stack([1 - one, one])


def holdout(seed=1, days=DAYS, rows=ROWS):
    random = np.random.default_rng(seed)
    n = days * rows
    found = pd.DataFrame(
        {
            "rain": random.normal(size=n),
            "wind": random.normal(size=n),
            "noise": random.normal(size=n),
            "origin": random.choice(["EWR", "JFK", "LGA"], n),
        }
    )
    odds = found["rain"] + 0.5 * found["wind"]
    found["label"] = (random.random(n) < 1 / (1 + np.exp(-odds))).astype(int)
    found["partition"] = np.repeat([f"2013-01-{day + 1:02d}" for day in range(days)], rows)
    return found


def case_of(model=None, rows=None, champion=None, **changes):
    rows = holdout() if rows is None else rows
    model = model or Model()
    fields = {
        "kind": BINARY,
        "rows": rows,
        "label": rows["label"].to_numpy(),
        "days": rows["partition"].to_numpy(),
        "model": model,
        "score": BINARY.scores(model, rows),
        "baseline_score": np.full(len(rows), 0.5),
        "champion_score": BINARY.scores(champion, rows) if champion else None,
        "champion_state": "compared" if champion else "none",
        "numbers": ("rain", "wind", "noise"),
        "categories": ("origin",),
    }
    return Case(**fields | changes)


@pytest.fixture(scope="session")
def rules():
    """Return what the tests of all families use."""
    from include.evaluation.figures import EvaluationEvidence

    def judged(rule, case):
        family = FAMILIES[rule.kind]
        evidence = EvaluationEvidence(
            run_id="run",
            problem=case.kind.name,
            rows=len(case.label),
            days=len(set(case.days)),
            champion_state=case.champion_state,
            champion_version="3",
        )
        # Through JSON, as the ledger keeps it: what a rule needs must survive that.
        figure = family.measure(rule, case)
        figure = type(figure).model_validate(figure.model_dump(mode="json"))
        verdict, reason = family.judge(rule, figure, evidence)
        return verdict.value, reason

    return SimpleNamespace(
        case=case_of, holdout=holdout, Model=Model, judged=judged, binary=BINARY, regression=REGRESSION
    )
