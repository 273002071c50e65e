"""The same inputs and definitions give the same bytes: in other processes, with more threads, in any order.

Of every Parquet file the bytes of each column's chunk are compared, which hold its pages with their headers.
Left out are `ingested_at`, which says when a row was written, and the footer, which repeats its extremes.
"""

import os
import shutil
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from include.settings import PROJECT_ROOT

DAYS = ("2013-01-15", "2013-01-16", "2013-01-17")
CLOCK = "ingested_at"
MADE = ("features", "labels", "feature_profiles", "feature_aggregates")
BUILD = """
import sys
from pathlib import Path

import pyarrow as pa

from include.features.rebuilding import rebuild
from include.features.stage import build
from include.settings import Settings
from include.workspace import Workspace

home, threads, how, *days = sys.argv[1:]
pa.set_cpu_count(int(threads))
workspace = Workspace(Settings(home=Path(home), _env_file=None))
use_case = workspace.use_case("flights")
for day in days if how == "one by one" else ():
    build(use_case, day, actor="tests", workspace=workspace)
if how == "at once":
    assert rebuild(use_case, days, actor="tests", workspace=workspace).changed == sorted(days)
"""
WAYS = {
    "one thread, the last day first": ("1", "1", "one by one", DAYS[::-1]),
    "two threads, all days in one commit": ("2", "4242", "at once", (DAYS[1], DAYS[2], DAYS[0])),
}


def chunks(home, table, day):
    """Return the bytes of every column of a partition, by row group and name."""
    found = {}
    files = sorted((home / "lake" / "flights" / table / f"partition={day}").rglob("*.parquet"))
    for path in files:
        content, metadata = path.read_bytes(), pq.read_metadata(path)
        for group in range(metadata.num_row_groups):
            for number in range(metadata.num_columns):
                column = metadata.row_group(group).column(number)
                start = column.dictionary_page_offset or column.data_page_offset
                found[len(files), group, column.path_in_schema] = content[
                    start : start + column.total_compressed_size
                ]
    assert len(files) <= 1, "a partition is one file, so that its bytes can be compared"
    return {key: part for key, part in found.items() if key[-1] != CLOCK}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_bytes_do_not_depend_on_who_builds_and_in_which_order(featured_home, tmp_path, way):
    threads, seed, how, days = way
    shutil.copytree(featured_home / "lake", tmp_path / "lake", ignore=shutil.ignore_patterns(*MADE))
    environment = os.environ | {
        "PYTHONHASHSEED": seed,
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "PYTHONPATH": str(PROJECT_ROOT),
    }
    command = [sys.executable, "-c", BUILD, str(tmp_path), threads, how, *days]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for table in MADE:
        # Sums of a day are made when a later day asks for them.
        for day in DAYS[:-1] if table == "feature_aggregates" else DAYS:
            expected = chunks(featured_home, table, day)
            assert len(expected) > 5
            assert chunks(tmp_path, table, day) == expected, (table, day)
