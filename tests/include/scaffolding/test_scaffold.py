"""A scaffolded use case passes on its own data at once: the real ingestion and the real features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from include.errors import ConfigurationError, NotFound
from include.feature_sets import load_features
from include.features.stage import build
from include.ingestion.stage import ingest
from include.scaffolding.scaffold import scaffold
from include.settings import Settings
from include.workspace import Workspace


@pytest.fixture
def place(tmp_path):
    return Workspace(Settings(_env_file=None, home=tmp_path / "home", use_cases_dir=tmp_path / "use_cases"))


def made(place, data, **options):
    arguments = {"time": None, "key": (), "timezone": "UTC", "name": "mine"} | options
    return scaffold(data, use_cases=place.settings.use_cases_dir, landing=place.landing, **arguments)


def passed(place, found, name="mine"):
    """Run the real stages on every day and return their verdicts."""
    use_case = place.use_case(name)
    verdicts = []
    for day in found.days:
        decision, _ = ingest(use_case, day, actor="tests", workspace=place)
        verdicts.append((day, decision.verdict.value, decision.reasons))
        checked, _ = build(use_case, day, actor="tests", workspace=place)
        verdicts.append((day, checked.verdict.value, checked.reasons))
    return [verdict for verdict in verdicts if verdict[1] != "pass"]


@pytest.fixture(scope="module")
def some_flights(landed, tmp_path_factory):
    """Five days of real flights in a folder of their own."""
    folder = tmp_path_factory.mktemp("flights")
    for file in sorted((landed / "flights").glob("2013-01-*.parquet"))[:5]:
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_real_flights(place, some_flights):
    found = made(place, some_flights, target="arr_delay", time="time_hour", timezone="America/New_York")
    assert found.days[0] == "2013-01-01"
    assert len(found.days) == 5
    assert passed(place, found) == []
    use_case = place.use_case("mine")
    assert use_case.problem.kind == "regression"
    assert {"dep_delay", "arr_time", "air_time"} <= set(use_case.labels.post_outcome_columns)
    assert use_case.contract.columns["origin"].categories == ["EWR", "JFK", "LGA"]
    names = load_features(use_case, place.settings).names
    assert {"event_hour", "carrier", "distance", "origin"} <= set(names)
    assert not {"arr_delay", "dep_delay", "air_time"} & set(names)
    text = (found.folder / "use_case.yaml").read_text(encoding="utf-8")
    assert "Look at this first" in text
    assert "Clopper-Pearson" in text


def test_a_table_without_times_and_without_a_key(place, tmp_path):
    path = tmp_path / "cancer.csv"
    load_breast_cancer(as_frame=True).frame.to_csv(path, index=False)
    found = made(place, path, target="target")
    assert len(found.days) == 1
    assert any("row counts them" in line for line in found.attention)
    assert passed(place, found) == []
    use_case = place.use_case("mine")
    assert use_case.problem.kind == "binary"
    assert use_case.problem.key == ["row"]
    assert "mean_radius" in load_features(use_case, place.settings).names


def odd(rows=300):
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=rows, freq="7h", tz="UTC"),
            "order no.": np.arange(rows),
            "class": random.choice(["no", "yes", "maybe"], rows),
            "e-mail": [f"ann{number}@example.org" for number in range(rows)],
            "1st": random.normal(size=rows),
            "constant: [x]": "a",
            "sparse": np.where(random.random(rows) < 0.9, np.nan, 1.5),
            "flag": random.random(rows) < 0.5,
        }
    )


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".csv.gz", ".jsonl"])
def test_odd_names_classes_and_personal_data(suffix, place, tmp_path):
    path = tmp_path / f"odd{suffix}"
    if suffix == ".parquet":
        odd().to_parquet(path)
    elif suffix == ".jsonl":
        odd().to_json(path, orient="records", lines=True, date_format="iso")
    else:
        odd().to_csv(path, index=False)
    found = made(place, path, target="class")
    use_case = place.use_case("mine")
    assert use_case.problem.kind == "multiclass"
    assert use_case.source.event_time == "when"
    assert use_case.problem.key == ["order no."]
    assert use_case.contract.columns["e-mail"].pii.method == "mask"
    day = found.days[3]
    decision, _ = ingest(use_case, day, actor="tests", workspace=place)
    assert decision.verdict.value in {"pass", "warn"}
    assert build(use_case, day, actor="tests", workspace=place)[0].verdict.value == "pass"
    assert set(place.lake.read("mine", "batches")["e-mail"]) == {"***"}


def test_nothing_is_overwritten(place, tmp_path):
    path = tmp_path / "odd.parquet"
    odd().to_parquet(path)
    found = made(place, path, target="class")
    before = (found.folder / "use_case.yaml").read_bytes()
    with pytest.raises(ConfigurationError, match="exists already; nothing is overwritten"):
        made(place, path, target="flag")
    assert (found.folder / "use_case.yaml").read_bytes() == before
    other = tmp_path / "other.parquet"
    odd().assign(flag=True).to_parquet(other)
    for file in found.folder.iterdir():
        file.unlink()
    found.folder.rmdir()
    with pytest.raises(ConfigurationError, match="holds something else; nothing is overwritten"):
        made(place, other, target="class")
    assert not found.folder.exists()


WRONG = {
    "no such target": ({"target": "x"}, "There is no column 'x'"),
    "no such time": ({"target": "flag", "time": "x"}, "There is no column 'x'"),
    "no such key": ({"target": "flag", "key": ("x",)}, "There is no column 'x'"),
    "a time that is none": ({"target": "flag", "time": "class"}, "no times, such as"),
    "a target that never varies": ({"target": "constant: [x]"}, "has one value only"),
    "a target of many texts": ({"target": "e-mail"}, "is string with 300 values"),
    "a name that is a path": ({"target": "flag", "name": "../x"}, "is no name of a use case"),
}


@pytest.mark.parametrize(("options", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_declared_is_said(options, said, place, tmp_path):
    path = tmp_path / "odd.parquet"
    odd().to_parquet(path)
    with pytest.raises(ConfigurationError, match=said.replace("[", r"\[")):
        made(place, path, **options)
    assert not Path(place.settings.use_cases_dir).exists()


def test_no_data(place, tmp_path):
    with pytest.raises(NotFound, match="There is no file or folder"):
        made(place, tmp_path / "none.csv", target="x")
    with pytest.raises(NotFound, match="No file of"):
        made(place, tmp_path, target="x")
    (tmp_path / "data.xlsx").write_bytes(b"x")
    with pytest.raises(ConfigurationError, match="convert it"):
        made(place, tmp_path / "data.xlsx", target="x")
