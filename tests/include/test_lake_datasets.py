"""The files of a table are opened as the Delta library opens them, wherever they lie."""

from datetime import date
from itertools import product
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, Field, write_deltalake
from deltalake.exceptions import DeltaProtocolError
from pyarrow.parquet import ParquetFile

from include.lake import Lake
from include.lake_datasets import dataset_of
from include.storage import open_store

DAYS = ["2013-01-07", "2013-01-08", "2013-01-09"]
BATTERY = ["local", pytest.param("s3", marks=pytest.mark.servers)]


@pytest.fixture(params=BATTERY)
def lake(request, tmp_path: Path) -> Lake:
    """Three days of features of two sets; the last one has a column more."""
    if request.param == "s3":
        address = f"{request.getfixturevalue('s3_bucket')}/the/lake"
    else:
        # A folder may be called anything.
        address = str(tmp_path / "a lake, 100 % ours é#?")
    settings = request.getfixturevalue("settings").model_copy(update={"lake_url": address})
    open_store(address, settings)
    lake = Lake.from_settings(settings)
    for number, day in enumerate(DAYS):
        for version in ("one", "two"):
            rows = pd.DataFrame({"row_key": ["a", "b"], "x": [number, None], "known_at": date(2013, 1, 10)})
            rows = rows.assign(more=1.5) if day == DAYS[-1] else rows
            lake.write_partition(
                "uc", "features", day, rows, source_hash=day, contract_hash="", version=version
            )
    return lake


@pytest.mark.parametrize("chosen", [None, DAYS, DAYS[1:], ["2013-01-07", "1999-01-01"]])
def test_the_rows_are_those_of_the_library_in_its_order(lake: Lake, chosen: list[str] | None) -> None:
    delta = lake.open("uc", "features")
    assert set(delta.metadata().partition_columns) == {"partition", "feature_set_version"}
    predicate = None if chosen is None else [("partition", "in", chosen)]
    expected = delta.to_pyarrow_dataset(file_pruning_predicate=predicate).to_table()
    found = lake.dataset(delta, chosen)
    assert found.to_table().equals(expected)
    assert len(expected) == 4 * len(set(DAYS) & set(chosen or DAYS))
    assert found.to_table(filter=pa.compute.field("feature_set_version") == "one").num_rows * 2 == len(
        expected
    )


def test_no_partitions_are_no_rows_of_the_same_columns(lake: Lake) -> None:
    delta = lake.open("uc", "features")
    found = lake.dataset(delta, []).to_table()
    assert found.num_rows == 0
    assert found.schema == delta.to_pyarrow_dataset().schema


def test_a_file_too_large_to_be_asked_for_whole_is_read_in_parts(lake: Lake, monkeypatch) -> None:
    whole = lake.read("uc", "features")
    monkeypatch.setattr("include.lake_datasets._WHOLE_BYTES", 1)
    pd.testing.assert_frame_equal(lake.read("uc", "features"), whole)


def test_small_files_that_are_read_one_by_one_give_what_a_dataset_gives(lake: Lake, monkeypatch) -> None:
    columns = (None, ["x"], ["partition"], ["more", "x", "feature_set_version"])
    days, versions = (None, DAYS[1:], []), (None, "two", "three")
    for chosen, version, known_by in product(columns, versions, (None, date(2013, 1, 9), date(2013, 1, 10))):
        asked = {"columns": chosen, "feature_set_version": version, "known_by": known_by}
        found = [lake.read("uc", "features", partitions=some, **asked) for some in days]
        with monkeypatch.context() as patch:
            patch.setattr("include.lake_datasets._SMALL_BYTES", 0)
            expected = [lake.read("uc", "features", partitions=some, **asked) for some in days]
        for one, other in zip(found, expected, strict=True):
            pd.testing.assert_frame_equal(one, other)


def test_files_from_before_a_column_was_added_or_widened_are_read_as_the_table_is_today(
    tmp_path: Path, monkeypatch
) -> None:
    uri = str(tmp_path / "uc" / "features")
    old = pa.table({"partition": [DAYS[0], None], "x": pa.array([1, None], pa.int32())})
    write_deltalake(uri, old, partition_by=["partition"])
    new = pa.table({"partition": [DAYS[1]], "x": pa.array([2**40], pa.int64()), "a.b": ["new"]})
    DeltaTable(uri).alter.add_columns([Field("a.b", "string")])
    write_deltalake(uri, new.set_column(1, "x", pa.array([2**20], pa.int32())), mode="append")
    lake = Lake(str(tmp_path))
    found = lake.read("uc", "features")
    assert found["a.b"].isna().tolist() == [True, False, True]
    monkeypatch.setattr("include.lake_datasets._SMALL_BYTES", 0)
    pd.testing.assert_frame_equal(found, lake.read("uc", "features"))


def test_files_of_other_feature_sets_are_not_opened(lake: Lake, monkeypatch) -> None:
    opened = []
    monkeypatch.setattr(
        "pyarrow.parquet.ParquetFile",
        lambda path, **how: opened.append(str(path)) or ParquetFile(path, **how),
    )
    lake.read("uc", "features", feature_set_version="one")
    assert all("feature_set_version=one" in path for path in opened)
    assert len(opened) in {0, len(DAYS)}, "of a store, none is read by itself"


def test_only_the_files_of_the_partitions_are_opened(lake: Lake) -> None:
    files = lake.dataset(lake.open("uc", "features"), [DAYS[0]]).files
    assert len(files) == 2
    assert all(f"partition={DAYS[0]}" in file for file in files)


def test_a_table_that_this_reader_cannot_read_is_refused(tmp_path: Path) -> None:
    write_deltalake(
        tmp_path,
        pa.table({"partition": DAYS, "x": [1, 2, 3]}),
        partition_by=["partition"],
        configuration={"delta.enableDeletionVectors": "true"},
    )
    with pytest.raises(DeltaProtocolError):
        dataset_of(DeltaTable(tmp_path), {})
