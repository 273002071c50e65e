"""Each kind of problem from training to scored rows, on real stores."""

import numpy as np
import pytest

from include.evaluation.stage import evaluate
from include.problems import kind_of
from include.promotion.stage import promote
from include.registry import MODEL_TAG
from include.scoring.stage import score
from include.training.stage import train

GATES = {"evaluation": {"gates": [{"kind": "baseline", "margin": 5.0}], "min_rows": 50}}
NEXT = "2013-01-13"
COLUMNS = {
    "binary": ["score"],
    "multiclass": ["score", "predicted", "score_cat", "score_dog", "score_eel"],
    "regression": ["score"],
    "count": ["score"],
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_kind_of_problem_runs_from_training_to_scores(made, kind):
    home = made(kind, **GATES)
    workspace, use_case = home.workspace, home.use_case
    run = train(use_case, home.as_of, reason="tests", actor="tests", workspace=workspace)
    candidate = evaluate(use_case, run.run_id, home.as_of, actor="tests", workspace=workspace)
    promote(
        use_case,
        version=candidate.version,
        run_id=run.run_id,
        as_of=home.as_of,
        evaluation_id=candidate.decision_id,
        actor="tests",
        workspace=workspace,
    )
    home.write_day(NEXT)
    score(use_case, NEXT, workspace=workspace)
    found = workspace.lake.read("made", "predictions", partitions=[NEXT])
    assert [name for name in found if name.startswith(("score", "predicted"))] == COLUMNS[kind]
    rows = workspace.lake.read("made", "features", partitions=[NEXT])
    model = workspace.registry.load(workspace.registry.tagged_model(run.run_id, MODEL_TAG))
    np.testing.assert_array_equal(
        kind_of(use_case.problem).restored(found), kind_of(use_case.problem).scores(model, rows)
    )
    metrics = workspace.registry.run(run.run_id).data.metrics
    primary = kind_of(use_case.problem).primary
    better = 1 if kind_of(use_case.problem).higher_is_better(primary) else -1
    assert better * metrics[f"holdout.{primary}"] > better * metrics[f"naive_prior.holdout.{primary}"]
