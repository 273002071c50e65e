"""Pictures of what data may hold: names that read like formulas, and the same bytes again."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib import rcParams

from include.features import plots as of_features
from include.monitoring.picture import Series, draw
from include.plotting import as_png, plain_text
from include.training.plots import confusion

BROKEN_FORMULA = r"a$\b$"
PNG = b"\x89PNG"


def categories(**counts: int) -> dict[str, object]:
    return {"kind": "category", "categories": json.dumps(counts)}


def watched(name: str) -> bytes:
    before, now = categories(**{name: 3, "other": 1}), categories(**{name: 1, "<b>&": 2})
    return draw([(f"paid ({name})", before, now)], [Series(f"loss {name}", {"2013-01-01": 0.5}, 0.7)])


def test_a_category_that_reads_like_a_formula_is_drawn_as_it_is():
    words = watched(BROKEN_FORMULA).decode()
    for name in (BROKEN_FORMULA, f"paid ({BROKEN_FORMULA})", f"loss {BROKEN_FORMULA}", "&lt;b&gt;&amp;"):
        assert f">{name}</text>" in words


def test_features_and_classes_that_read_like_formulas_are_drawn():
    row = {"partition": "2013-01-01", "count": 4, "nulls": 0, "quantiles": None}
    assert of_features.draw(pd.DataFrame([row | categories(**{BROKEN_FORMULA: 4})])).startswith(PNG)
    with plain_text():
        label = np.array([BROKEN_FORMULA, "b"])
        assert as_png(confusion(label, label, list(label), "class"), dpi=40).startswith(PNG)


def test_without_it_the_drawing_would_end():
    with pytest.raises(ValueError, match="Unknown symbol"):
        draw.__wrapped__([(BROKEN_FORMULA, categories(a=1), categories(a=1))], [])


def test_the_same_figures_make_the_same_bytes():
    assert watched("a") == watched("a") != watched("b")


def test_what_users_set_for_their_own_pictures_stays():
    before = dict(rcParams)
    watched("a")
    assert dict(rcParams) == before
