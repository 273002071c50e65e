"""Evidently's report: a page that needs nothing else, on bounded samples, whatever the columns hold."""

import re

import numpy as np
import pandas as pd
import pytest

from include.feature_sets import FeatureSet
from include.monitoring.report import libraries, render_report

KINDS = {"wind": "number", "hour": "number", "carrier": "category"}


@pytest.fixture(scope="module")
def features(heavy_imports):
    features = FeatureSet()
    for name, kind in KINDS.items():

        def build(rows):
            return rows.iloc[:, 0]

        build.__name__ = name
        features.row(kind=kind, inputs=[name], description="none")(build)
    return features


def scored(rows, seed=0, **values):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "wind": random.normal(20, 5, rows),
            "hour": random.integers(0, 24, rows).astype("float64"),
            "carrier": random.choice(["UA", "B6", "EV"], rows),
            "score": random.random(rows),
            "row_key": [str(index) for index in range(rows)],
        }
    )
    return frame.assign(**values)


REFERENCE = scored(500)


def rendered(features, current, reference=REFERENCE):
    return render_report(reference, current, features, 1).decode()


def test_the_page_is_complete_in_itself(features):
    page = rendered(features, scored(300, seed=1))
    assert page.lstrip().startswith("<!DOCTYPE html>")
    assert page.rstrip().endswith("</html>")
    assert {name for name in [*KINDS, "score"] if name in page} == {*KINDS, "score"}
    outside = r"<script[^>]+src=|<link[^>]+href=|<img[^>]+src=[\"']?http|<iframe|url\(['\"]?http"
    assert re.findall(outside, page) == []
    assert "drift" in page.lower()


def test_nine_tenths_of_the_page_are_the_same_every_day(features):
    """Script and font stand in the page as the library spells them: another spelling would be kept daily."""
    page = render_report(REFERENCE, scored(300, seed=1), features, 1)
    carried = [one.inline for one in libraries()]
    assert all(page.count(text) == 1 for text in carried)
    assert sum(map(len, carried)) > 0.9 * len(page)


def test_the_page_is_the_one_of_the_whole_preset(features, monkeypatch):
    """Only what the preset computes and does not show is left out."""
    from evidently.presets import DataDriftPreset

    def shown(seed):
        drawn_anew = r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"
        return re.sub(drawn_anew, "", rendered(features, scored(300, seed=seed)))

    ours, other = shown(seed=1), shown(seed=2)
    monkeypatch.setattr("include.monitoring.report._shown_once", DataDriftPreset)
    assert ours == shown(seed=1) != other


def test_keys_of_rows_are_not_shown(features):
    key = "2013|1|16|UA|1545|EWR"
    assert key not in rendered(features, scored(50, seed=1, row_key=key))


@pytest.mark.parametrize(("rows", "shown"), [(1999, 1999), (2001, 2000), (30_000, 2000)])
def test_a_large_partition_is_drawn_from(features, monkeypatch, rows, shown):
    """Evidently's cost grows with the rows; it is given no more than two thousand of them."""
    from evidently import Dataset

    given = []
    from_pandas = Dataset.from_pandas

    def noted(frame, **options):
        given.append(len(frame))
        return from_pandas(frame, **options)

    monkeypatch.setattr(Dataset, "from_pandas", noted)
    rendered(features, scored(rows, seed=1))
    assert given == [shown, len(REFERENCE)]


ODD = {
    "a number without values": {"wind": np.nan},
    "a category without values": {"carrier": None},
    "a constant": {"wind": 5.0},
    "an unseen category": {"carrier": "??"},
    "equal scores": {"score": 0.5},
}


@pytest.mark.parametrize("values", ODD.values(), ids=ODD)
def test_odd_columns_have_a_page(features, values):
    assert "</html>" in rendered(features, scored(100, seed=1, **values))


def test_a_single_row_has_a_page(features):
    assert "</html>" in rendered(features, scored(1))


def test_a_column_that_the_champion_never_saw_filled_has_a_page(features):
    assert "</html>" in rendered(features, scored(100), REFERENCE.assign(wind=np.nan))
