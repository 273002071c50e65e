"""Problem kinds: figures against scikit-learn's, what is stored comes back, no label is guessed."""

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from sklearn import metrics

from include.errors import UseCaseError
from include.problems import kind_of
from include.use_case_sections import Problem

random = np.random.default_rng(7)
ROWS = 400
CLASSES = ["cat", "dog", "eel"]


def kind(name, **more):
    section = {"kind": name, "question": "?", "key": ["id"], **more}
    return kind_of(TypeAdapter(Problem).validate_python(section))


KINDS = {
    "binary": kind("binary"),
    "multiclass": kind("multiclass", classes=CLASSES),
    "regression": kind("regression"),
    "count": kind("count"),
}
LABELS = {
    "binary": random.integers(0, 2, ROWS),
    "multiclass": random.choice(CLASSES, ROWS).astype(object),
    "regression": random.normal(5, 2, ROWS),
    "count": random.poisson(3, ROWS).astype("float64"),
}
SCORES = {
    "binary": random.uniform(0.01, 0.99, ROWS),
    "multiclass": random.dirichlet([1, 1, 1], ROWS),
    "regression": random.normal(5, 2, ROWS),
    "count": random.uniform(0.5, 6, ROWS),
}


@pytest.fixture(params=KINDS)
def case(request):
    return KINDS[request.param], LABELS[request.param], SCORES[request.param]


EXPECTED = {
    "binary": {
        "roc_auc": metrics.roc_auc_score,
        "average_precision": metrics.average_precision_score,
        "log_loss": metrics.log_loss,
        "brier": metrics.brier_score_loss,
    },
    "multiclass": {
        "roc_auc_ovr": lambda label, score: metrics.roc_auc_score(label, score, multi_class="ovr"),
        "log_loss": metrics.log_loss,
        "accuracy": lambda label, score: metrics.accuracy_score(label, np.array(CLASSES)[score.argmax(1)]),
        "balanced_accuracy": lambda label, score: metrics.balanced_accuracy_score(
            label, np.array(CLASSES)[score.argmax(1)]
        ),
    },
    "regression": {
        "rmse": metrics.root_mean_squared_error,
        "mae": metrics.mean_absolute_error,
        "median_absolute_error": metrics.median_absolute_error,
        "r2": metrics.r2_score,
    },
    "count": {
        "poisson_deviance": metrics.mean_poisson_deviance,
        "rmse": metrics.root_mean_squared_error,
        "mae": metrics.mean_absolute_error,
        "d2": lambda label, score: metrics.d2_tweedie_score(label, score, power=1),
    },
}


def test_the_figures_are_scikit_learns(case):
    this, label, score = case
    found = this.metrics(label, score)
    for name, function in EXPECTED[this.name].items():
        assert found[name] == pytest.approx(function(label, score)), name
        assert this.metric(name)(label, score) == found[name]


def test_an_auc_without_all_of_its_scores_is_refused():
    scores = np.array([0.1, np.nan, 0.7])
    with pytest.raises(ValueError, match="1 scores are missing"):
        KINDS["binary"].metric("roc_auc")(np.array([0, 1, 1]), scores)


def test_every_declared_metric_has_a_function_and_a_direction(case):
    this, label, score = case
    assert set(this.metrics(label, score)) == set(this.problem.directions)
    assert this.primary in this.problem.directions
    assert isinstance(this.higher_is_better(this.primary), bool)
    with pytest.raises(KeyError):
        this.metric("no such metric")


def test_directions_are_right(case):
    """A perfect answer is at least as good as any other, by each metric and by the loss of each row."""
    this, label, score = case
    perfect = {
        "binary": lambda: label.astype("float64"),
        "multiclass": lambda: (label[:, None] == np.array(CLASSES)).astype("float64"),
    }.get(this.name, lambda: np.maximum(label, 1e-6) if this.name == "count" else label)()
    for name, value in this.metrics(label, perfect).items():
        gain = value - this.metric(name)(label, score)
        assert gain > 0 if this.higher_is_better(name) else gain < 0, name
    assert (this.row_losses(label, perfect) <= this.row_losses(label, score) + 1e-6).all()


def test_the_mean_of_the_rows_losses_is_the_loss(case):
    this, label, score = case
    of_rows = this.row_losses(label, score)
    assert of_rows.shape == (ROWS,)
    assert (of_rows >= 0).all()
    found = this.metrics(label, score)
    expected = found["rmse"] ** 2 if this.row_loss == "squared_error" else found[this.row_loss]
    assert of_rows.mean() == pytest.approx(expected)


def test_an_impossible_outcome_costs_much_but_not_everything():
    for name, label, score in [
        ("binary", np.array([1]), np.array([0.0])),
        ("multiclass", np.array(["dog"], dtype=object), np.array([[1.0, 0.0, 0.0]])),
        ("count", np.array([3.0]), np.array([0.0])),
    ]:
        (loss,) = KINDS[name].row_losses(label, score)
        assert 20 < loss < 100


def test_what_is_stored_comes_back_to_the_last_bit(case):
    this, _, score = case
    frame = pd.DataFrame(this.stored(score))
    np.testing.assert_array_equal(this.restored(frame), score)
    assert "score" in frame


def test_the_columns_of_several_classes():
    found = pd.DataFrame(KINDS["multiclass"].stored(np.array([[0.2, 0.7, 0.1]])))
    assert found.to_dict("records") == [
        {"score": 0.7, "predicted": "dog", "score_cat": 0.2, "score_dog": 0.7, "score_eel": 0.1}
    ]


class Knows:
    """A fitted classifier that has seen some classes."""

    feature_names_in_ = ("x",)

    def __init__(self, classes):
        self.classes_ = np.array(classes)

    def predict_proba(self, rows):
        return np.tile(np.arange(1, 1 + len(self.classes_)) / 10, (len(rows), 1))


def test_a_class_that_was_never_seen_has_no_probability():
    rows = pd.DataFrame({"more": [0], "x": [1]})
    np.testing.assert_array_equal(KINDS["multiclass"].scores(Knows(["eel", "cat"]), rows), [[0.2, 0.0, 0.1]])
    with pytest.raises(UseCaseError, match=r"knows the classes \['fox'\]"):
        KINDS["multiclass"].scores(Knows(["cat", "fox"]), rows)


TYPED = {
    "binary": ([1.0, 0.0, None], "Int8", [1, 0]),
    "multiclass": (["eel", "cat", None], "object", ["eel", "cat"]),
    "regression": ([1.5, -2.0, None], "float64", [1.5, -2.0]),
    "count": ([3.0, 0.0, None], "float64", [3.0, 0.0]),
}


@pytest.mark.parametrize("name", TYPED)
def test_labels_keep_what_never_came_as_null(name):
    outcome, dtype, expected = TYPED[name]
    stored = KINDS[name].typed(pd.Series(outcome))
    assert str(stored.dtype) == dtype
    assert stored.isna().tolist() == [False, False, True]
    assert KINDS[name].read(stored.dropna()).tolist() == expected


NO_LABELS = {
    "a class that is not declared": ("multiclass", ["cat", "fox"], r"label is \['fox'\] in some rows"),
    "text": ("regression", ["much"], "is no number"),
    "infinite": ("regression", [np.inf], "1 labels are infinite"),
    "below 0": ("count", [-1.0], "1 labels are no counts"),
    "a half": ("count", [0.5, 1.0], "1 labels are no counts"),
}


@pytest.mark.parametrize(("name", "outcome", "message"), NO_LABELS.values(), ids=NO_LABELS)
def test_what_is_no_label_is_refused(name, outcome, message):
    with pytest.raises(UseCaseError, match=message):
        KINDS[name].typed(pd.Series(outcome))


def test_labels_that_do_not_vary(case):
    this, label, _ = case
    assert this.varies(label)
    assert not this.varies(np.repeat(label[:1], 5))
    assert not this.varies(label[:0])
