"""The files of a table are opened as the Delta library opens them, wherever they lie."""

from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaProtocolError

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
