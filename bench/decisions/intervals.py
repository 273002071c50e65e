"""2013 on flights: what it is worth to replace a model sooner, and how often a newer model is a worse one.

The model of every Monday is trained once, by the declared use case on all that was known. Every interval
between deployments, from one week to six, and every Monday on which it may start, is then read off the same
scores: no gate, no alarm, no single lucky sequence. A replacement is harmful when the newer model was
significantly worse than the one it would have replaced in the week that followed, as in
`include.simulation.outcome`.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from bench.decisions.year import FIRST, LAST, USE_CASE
from bench.table import Row, publish
from cli.commands.simulate import with_files
from include import partitions
from include.errors import NothingToDo
from include.lake import LABEL, PARTITION, ROW_KEY
from include.registry import MODEL_TAG
from include.settings import get_settings
from include.simulation.history import ACTOR, prepare
from include.simulation.outcome import HARM_ALPHA
from include.simulation.policy import DECLARED, read_policy
from include.simulation.replay import SimulatedWorkspace, scheduled_dates
from include.stats.auc import paired_auc_difference
from include.training.stage import train
from include.warmup import LIBRARIES, import_quietly
from include.workspace import Workspace

_WEEK = 7
_LONGEST = 6


@dataclass(frozen=True)
class Scores:
    """What every Monday's model says of every row from its Monday on; NaN before.

    Attributes:
        day: partition of each of n rows.
        label: n labels of 0 and 1.
        by_model: as-of of a model -> n scores.
    """

    day: NDArray[np.str_]
    label: NDArray[np.int_]
    by_model: dict[str, NDArray[np.float32]]

    def week(self, monday: str) -> NDArray[np.intp]:
        """Return the places of the rows of the week that starts on a Monday."""
        return np.flatnonzero((self.day >= monday) & (self.day <= partitions.shift(monday, _WEEK - 1)))

    def auc(self, model: str, monday: str) -> float:
        rows = self.week(monday)
        return float(roc_auc_score(self.label[rows], self.by_model[model][rows]))

    def harmful(self, old: str, new: str, *, by_days: bool) -> bool:
        """Tell whether the newer model was significantly worse in the week that it would have begun with."""
        rows = self.week(new)
        found = paired_auc_difference(
            self.label[rows],
            self.by_model[new][rows],
            self.by_model[old][rows],
            *([self.day[rows]] if by_days else []),
        )
        return bool(found.upper(HARM_ALPHA) < 0)


def scores() -> Scores:
    """Train the model of every Monday and let it score all that follows."""
    import_quietly(LIBRARIES)
    settings = with_files(get_settings(), USE_CASE, FIRST, LAST)
    declared = Workspace(settings).use_case(USE_CASE)
    use_case = read_policy(DECLARED, declared).use_case
    history = prepare(declared, FIRST, LAST, settings=settings, progress=lambda day: None)
    with tempfile.TemporaryDirectory() as folder:
        workspace = SimulatedWorkspace(Path(folder), history, settings)
        for day in history.days:
            for decision in history.decisions_of(day):
                workspace.ledger.append(decision.model_copy(update={"id": ""}))
        workspace.lake.today = history.days[-1]
        labels = workspace.lake.read(USE_CASE, "labels")[[PARTITION, ROW_KEY, LABEL]].dropna(subset=[LABEL])
        rows = workspace.lake.read(USE_CASE, "features").merge(labels, on=[PARTITION, ROW_KEY])
        days = rows[PARTITION].to_numpy(dtype=str)
        found: dict[str, NDArray[np.float32]] = {}
        for as_of in scheduled_dates(use_case, FIRST, LAST):
            workspace.lake.today = partitions.shift(as_of, -1)
            try:
                run_id = train(use_case, as_of, reason="schedule", actor=ACTOR, workspace=workspace).run_id
            except NothingToDo:
                continue
            model = workspace.registry.load(workspace.registry.tagged_model(run_id, MODEL_TAG))
            later = days >= as_of
            found[as_of] = np.full(len(rows), np.nan, dtype=np.float32)
            features = rows.loc[later, list(model.feature_names_in_)]
            found[as_of][later] = model.predict_proba(features)[:, 1]
        return Scores(days, rows[LABEL].to_numpy(dtype=int), found)


def sequence_auc(found: Scores, deployed: list[str], mondays: list[str]) -> float:
    """Return the mean of the weekly AUCs when these models reign one after the other."""
    reigns = {monday: max(one for one in deployed if one <= monday) for monday in mondays}
    return float(np.mean([found.auc(model, monday) for monday, model in reigns.items()]))


def rows_of(found: Scores) -> list[Row]:
    """Return AUC and harm for each interval, over all Mondays on which it may start."""
    mondays = [monday for monday in sorted(found.by_model) if partitions.shift(monday, _WEEK - 1) <= LAST]
    rows: list[Row] = []
    for interval in range(1, _LONGEST + 1):
        aucs = [
            sequence_auc(found, sorted({mondays[0], *mondays[start::interval]}), mondays)
            for start in range(interval)
        ]
        pairs = [pair for start in range(interval) for pair in pairwise(mondays[start::interval])]
        named = f"every {interval} weeks" if interval > 1 else "every week"
        rows.append(Row(f"{named}: mean weekly AUC, mean of {len(aucs)} starts", float(np.mean(aucs)), ""))
        for by_days, how in ((False, "rows independent"), (True, "days as blocks")):
            harmful = [found.harmful(old, new, by_days=by_days) for old, new in pairs]
            share = 100 * float(np.mean(harmful))
            error = float(np.sqrt(share * (100 - share) / len(harmful)))
            rows.append(
                Row(f"{named}: harmful of {len(pairs)} replacements, {how} (± {error:.1f})", share, "%")
            )
    return rows


def main() -> None:
    """Measure and publish."""
    publish("intervals", rows_of(scores()))


if __name__ == "__main__":
    main()
