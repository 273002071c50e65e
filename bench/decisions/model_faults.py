"""Faults of a candidate that the evaluation has to catch, each by the rule that is made for it.

The days are made up, so that what makes a departure late is known. A sound candidate is the control: gates
that refuse everything catch every fault too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bench.decisions.caught import Caught
from include.decisions import Verdict
from include.evaluation.figures import EvaluationEvidence
from include.evaluation.gate import check
from include.evaluation.measuring import figures
from include.evaluation.rules import Case
from include.problems import kind_of
from include.use_case_sections import BinaryProblem, Evaluation

SEED = 20130101
LEARN_DAYS, HOLDOUT_DAYS, ROWS = 28, 10, 400
NUMBERS, CATEGORIES = ["rain", "wind", "hour"], ["origin", "region"]
KIND = kind_of(BinaryProblem(kind="binary", question="Will it be late?", key=["flight"]))
RULES = Evaluation.model_validate(
    {
        "gates": [
            {"kind": "floor", "metric": "roc_auc", "min": 0.6},
            {"kind": "baseline", "margin": 0.02},
            {"kind": "champion", "margin": 0.02},
            {"kind": "slices", "by": ["origin"], "max_drop": 0.1},
            {"kind": "fairness", "attribute": "region", "max_difference": 0.15},
            {"kind": "calibration", "max_error": 0.06, "min_slope": 0.6, "max_slope": 1.7},
            {"kind": "stability"},
            {"kind": "invariance", "feature": "rain", "change": {"kind": "shift", "by": 1.0},
             "expect": "not_lower", "tolerance": 0.05, "max_share": 0.02},
            {"kind": "budget", "max_one_ms": 20.0},
            {"kind": "conditions", "max_data_age_days": 14},
        ]
    }
)  # fmt: skip
SOUND_STATE = {
    "owner": "operations",
    "card_missing": [],
    "data_age_days": 1,
    "window_days": 42,
    "missing_days": 0,
}


def _days(random: np.random.Generator, count: int, rows: int) -> pd.DataFrame:
    """Return days of departures: rain and wind make them late, and a day has weather of its own."""
    day = np.repeat(np.arange(count), rows)
    n = len(day)
    found = pd.DataFrame(
        {
            "rain": random.gamma(1.0, 1.0, count)[day] * 0.5 + random.gamma(1.0, 0.5, n),
            "wind": random.normal(size=n),
            "hour": random.integers(5, 23, n).astype(float),
            "origin": random.choice(["EWR", "JFK", "LGA"], n),
            "region": random.choice(["north", "south"], n),
        }
    )
    odds = -2.2 + 1.3 * found["rain"] + 0.9 * found["wind"] + 0.06 * (found["hour"] - 5)
    found["label"] = (random.random(n) < 1 / (1 + np.exp(-odds))).astype(int)
    found["partition"] = [f"2013-{1 + number // 28:02d}-{1 + number % 28:02d}" for number in day]
    return found


def _fitted(rows: pd.DataFrame, label: pd.Series | None = None) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = ColumnTransformer(
        [("numbers", StandardScaler(), NUMBERS), ("categories", OneHotEncoder(), CATEGORIES)]
    )
    pipeline = Pipeline([("columns", columns), ("model", LogisticRegression(max_iter=500))])
    return pipeline.fit(rows[[*NUMBERS, *CATEGORIES]], rows["label"] if label is None else label)


class _Bent:
    """A model whose probabilities were bent afterwards."""

    def __init__(self, model: Any, bend: Callable[[np.ndarray, pd.DataFrame], np.ndarray]) -> None:
        self._model, self._bend = model, bend
        self.feature_names_in_ = model.feature_names_in_

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        one = np.clip(self._model.predict_proba(rows)[:, 1], 1e-6, 1 - 1e-6)
        bent = 1 / (1 + np.exp(-self._bend(np.log(one / (1 - one)), rows)))
        return np.column_stack([1 - bent, bent])


class _World:
    """Days to learn from, days held out, a champion and a baseline."""

    def __init__(self, rows: int) -> None:
        self.random = np.random.default_rng(SEED)
        every = _days(self.random, LEARN_DAYS + HOLDOUT_DAYS, rows)
        days = sorted(set(every["partition"]))
        self.learned = every[every["partition"].isin(days[:LEARN_DAYS])].reset_index(drop=True)
        self.held_out = every[every["partition"].isin(days[LEARN_DAYS:])].reset_index(drop=True)
        self.sound = _fitted(self.learned)
        self.champion = _fitted(self.learned[self.learned["partition"] < days[LEARN_DAYS // 2]])

    def case(self, model: Any, **changes: Any) -> Case:
        rows = self.held_out
        case = Case(
            kind=KIND,
            rows=rows,
            label=rows["label"].to_numpy(),
            days=rows["partition"].to_numpy(),
            model=model,
            score=KIND.scores(model, rows),
            baseline_score=np.full(len(rows), float(self.learned["label"].mean())),
            champion_state="compared",
            champion_score=KIND.scores(self.champion, rows),
            numbers=tuple(NUMBERS),
            categories=tuple(CATEGORIES),
            budget={"model_mb": 0.1, "one_ms": 2.0},
            state=SOUND_STATE,
        )
        return replace(case, **changes)


def judged(name: str, case: Case, expected: str = "") -> Caught:
    """Put a case before the evaluation gate; every rule that refuses is named.

    A fault counts as caught when the rule that is made for it refuses, whatever others do.
    """
    evidence = EvaluationEvidence(
        run_id=name,
        rows=len(case.label),
        days=len(set(case.days)),
        champion_state=case.champion_state,
        champion_version="1",
        figures=figures(case, list(RULES.gates)),
    )
    ruling = check(evidence, RULES)
    if ruling.verdict is not Verdict.REFUSE:
        return Caught(name, "", "; ".join(ruling.reasons))
    alone = {rule.kind: check(evidence, RULES.model_copy(update={"gates": [rule]})) for rule in RULES.gates}
    refusing = {kind: found.reasons[0] for kind, found in alone.items() if found.verdict is Verdict.REFUSE}
    if expected and expected not in refusing:
        return Caught(name, "", f"{expected} does not refuse; {', '.join(refusing)} do")
    return Caught(name, ", ".join(refusing), refusing.get(expected, ruling.reasons[0]))


def faults_of_rules(rows: int = ROWS) -> list[Caught]:
    """Return the control, and the faults that the evaluation has to catch."""
    world = _World(rows)
    learned, random = world.learned, world.random
    shuffled = learned["label"].sample(frac=1, random_state=SEED).to_numpy()
    blind = learned["label"].where(learned["origin"] != "LGA", random.integers(0, 2, len(learned)))
    turned = learned.assign(rain=learned["rain"] * 25.4)
    return [
        judged("none (control)", world.case(world.sound)),
        judged("shuffled labels", world.case(_fitted(learned, shuffled)), "champion"),
        judged("unit of a feature changed", world.case(_fitted(turned)), "champion"),
        judged("a slice made bad", world.case(_Bent(_fitted(learned, blind), _forget_lga)), "slices"),
        judged("slower model", world.case(world.sound, budget={"model_mb": 0.1, "one_ms": 90.0}), "budget"),
        judged("latency not measured", world.case(world.sound, budget={"model_mb": 0.1}), "budget"),
        judged(
            "scores out of calibration",
            world.case(_Bent(world.sound, lambda odds, _: 3 * odds)),
            "calibration",
        ),
        judged(
            "stale data", world.case(world.sound, state=SOUND_STATE | {"data_age_days": 40}), "conditions"
        ),
        judged("unfair shift", world.case(_Bent(world.sound, _favour_north)), "fairness"),
        judged("direction turned round", world.case(_Bent(world.sound, _dry)), "invariance"),
    ]


def _forget_lga(odds: np.ndarray, rows: pd.DataFrame) -> np.ndarray:
    return np.where(rows["origin"] == "LGA", 0.1 * (rows["hour"] % 3 - 1) - 1.2, odds)


def _favour_north(odds: np.ndarray, rows: pd.DataFrame) -> np.ndarray:
    return odds + np.where(rows["region"] == "north", 1.5, 0.0)


def _dry(odds: np.ndarray, rows: pd.DataFrame) -> np.ndarray:
    return odds - np.where(rows["rain"] > 2.0, 3.0 * (rows["rain"] - 2.0), 0.0)
