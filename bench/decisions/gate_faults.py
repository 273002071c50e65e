"""Known faults, put into training, data and artefacts on purpose: which gate catches which.

`make gate-faults` runs all of them and exits with 1 when one goes through. A sound candidate is the control:
gates that refuse everything catch every fault too.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from include.decisions import Verdict
from include.errors import ArtefactCorrupted, GateRefused
from include.evaluation.figures import EvaluationEvidence
from include.evaluation.gate import check
from include.evaluation.measuring import figures
from include.evaluation.rules import Case
from include.problems import kind_of
from include.use_case_sections import BinaryProblem, Evaluation

if TYPE_CHECKING:
    from include.use_case import UseCase
    from include.workspace import Workspace

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


@dataclass(frozen=True)
class Caught:
    """What became of one fault; `by` is empty where it went through."""

    fault: str
    by: str
    reason: str


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


def faults_of_stages(use_case: UseCase, as_of: str, workspace: Workspace) -> list[Caught]:
    """Return the faults that need real stages, in a home with a champion as of a date, which they spoil."""
    return [
        _holdout_contaminated(use_case, as_of, workspace),
        _label_leaked(use_case, as_of, workspace),
        _artefact_swapped(use_case, workspace),
    ]


def _attempt(name: str, attempt: Callable[[], object]) -> Caught:
    try:
        attempt()
    except GateRefused as refusal:
        return Caught(name, refusal.gate, refusal.reasons[0])
    except ArtefactCorrupted as error:
        return Caught(name, "registry", str(error))
    return Caught(name, "", "nothing was refused")


def _holdout_contaminated(use_case: UseCase, as_of: str, workspace: Workspace) -> Caught:
    from include.champions import newest_champion
    from include.evaluation.stage import evaluate

    champion = newest_champion(workspace.ledger, use_case.name)
    if champion is None:
        return Caught("holdout contamination", "", "there is no champion to try it on")
    tags = workspace.registry.run(champion.run_id).data.tags
    first, last = (
        tags["airlock.train_partitions"].split("..")[0],
        tags["airlock.holdout_partitions"].split("..")[1],
    )
    learned = {"airlock.train_partitions": f"{first}..{last}"}
    workspace.registry.log_to_run(champion.run_id, metrics={}, tags=learned)
    return _attempt(
        "holdout contamination",
        lambda: evaluate(use_case, champion.run_id, as_of, actor="gate-faults", workspace=workspace),
    )


def _label_leaked(use_case: UseCase, as_of: str, workspace: Workspace) -> Caught:
    """Write the label, thinly veiled, into a feature of every day, and train."""
    from include.feature_sets import load_features
    from include.lake import AUDIT_COLUMNS, PARTITION, ROW_KEY
    from include.training.stage import train

    lake, name = workspace.lake, use_case.name
    version = load_features(use_case, workspace.settings).version
    for day in lake.partitions(name, "features", feature_set_version=version):
        rows = lake.read(name, "features", partitions=[day], feature_set_version=version)
        labels = lake.read(name, "labels", partitions=[day])[[ROW_KEY, "label"]]
        label = rows[[ROW_KEY]].merge(labels, on=ROW_KEY, how="left")["label"].astype("float64").fillna(0.5)
        leaking = rows.assign(distance=(rows["distance"] * 0.01 + 900 * label.to_numpy()))
        kept = [
            column for column in leaking if column not in {*AUDIT_COLUMNS, PARTITION} or column == "known_at"
        ]
        lake.write_partition(
            name,
            "features",
            day,
            leaking[kept],
            source_hash="leak",
            contract_hash=rows["contract_hash"].iloc[0],
            version=version,
        )
    return _attempt(
        "label leak",
        lambda: train(use_case, as_of, reason="gate-faults", actor="gate-faults", workspace=workspace),
    )


def _artefact_swapped(use_case: UseCase, workspace: Workspace) -> Caught:
    from include.champions import newest_champion

    champion = newest_champion(workspace.ledger, use_case.name)
    if champion is None:
        return Caught("swapped artefact", "", "there is no champion to try it on")
    stored = workspace.registry.model_folder(champion.model) / "model.skops"
    with stored.open("r+b") as file:
        file.seek(200)
        byte = file.read(1)
        file.seek(200)
        file.write(bytes([byte[0] ^ 1]))
    return _attempt("swapped artefact", lambda: workspace.registry.load(champion.model))


def prepared_home(home: Path, as_of: str) -> tuple[UseCase, Workspace]:
    """Return a home with two weeks of flights and a champion, made by the stages themselves."""
    from cli.landing import land_flights
    from include import partitions
    from include.evaluation.stage import evaluate
    from include.features.stage import build
    from include.ingestion.stage import ingest
    from include.promotion.stage import promote
    from include.settings import Settings
    from include.training.stage import train
    from include.workspace import Workspace

    workspace = Workspace(Settings(home=home, _env_file=None))  # type: ignore[call-arg]
    use_case = workspace.use_case("flights")
    days = partitions.span("2013-01-01", partitions.last_visible(as_of))
    land_flights(workspace.settings.landing, days[0], days[-1])
    for day in days:
        ingest(use_case, day, actor="gate-faults", workspace=workspace)
        build(use_case, day, actor="gate-faults", workspace=workspace)
    run = train(use_case, as_of, reason="gate-faults", actor="gate-faults", workspace=workspace)
    candidate = evaluate(use_case, run.run_id, as_of, actor="gate-faults", workspace=workspace)
    promote(
        use_case,
        version=candidate.version,
        run_id=candidate.run_id,
        as_of=as_of,
        evaluation_id=candidate.decision_id,
        actor="gate-faults",
        workspace=workspace,
    )
    return use_case, workspace


def uncaught(found: list[Caught]) -> list[str]:
    """Return the faults that went through, and the control when it did not."""
    control, *faults = found
    refused = [f"{control.fault}: refused by {control.by}"] if control.by else []
    return refused + [caught.fault for caught in faults if not caught.by]


def main() -> None:
    """Inject every fault, print which gate caught it, and exit with 1 when one went through."""
    as_of = "2013-01-14"
    found = faults_of_rules()
    with tempfile.TemporaryDirectory() as folder:
        found += faults_of_stages(*_ordered(prepared_home(Path(folder), as_of), as_of))
    table = Table("fault", "caught by", "reason", title="gate faults", title_justify="left")
    for caught in found:
        table.add_row(caught.fault, caught.by or "nobody", caught.reason[:160])
    Console(width=150).print(table)
    if lost := uncaught(found):
        sys.exit(f"Not caught: {', '.join(lost)}")


def _ordered(home: tuple[UseCase, Workspace], as_of: str) -> tuple[UseCase, str, Workspace]:
    return home[0], as_of, home[1]


if __name__ == "__main__":
    main()
