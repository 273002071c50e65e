"""`lineage` through the command line; the library behind it is tested in tests/include/test_lineage.py."""

import hashlib

import pytest

from tests.cli.lifecycle_fixture import BROKEN, SCORED, empty, filled

DAY = SCORED[0]


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("lifecycle"))


@pytest.fixture(scope="module")
def row_key(live):
    return str(live.workspace.lake.read("flights", "predictions", partitions=[DAY])["row_key"].iloc[7])


def raw_files(installation):
    return sorted((installation.home / "lake" / "_raw" / "flights" / "batch").iterdir())


def test_from_a_date_back_to_the_bytes(live):
    found = live.json("lineage", "flights", DAY)
    landed = live.home / "landing" / "flights" / f"{DAY}.parquet"
    assert found["files"][0]["sha256"] == hashlib.sha256(landed.read_bytes()).hexdigest()
    assert found["promotion"]["actor"] == "ada"
    assert (found["broken"], found["notes"]) == ([], [])
    shown = live.run("lineage", "flights", DAY)
    assert shown.exit_code == 0
    for fact in (
        "champion     version 1, as of 2013-01-06",
        f"promotion    pass by ada, decision {found['promotion']['id']}",
        f"evaluation   pass by ada, decision {found['evaluation']['id']}",
        f"training     warn by ada, decision {found['training']['id']}",
        "trained on 2013-01-01..2013-01-03, held out 2013-01-04..2013-01-05",
        "without 2013-01-02",
        f"ingestion    {found['ingestion']['verdict']} by schedule, decision {found['ingestion']['id']}",
        f"raw file     batch {DAY}, {landed.stat().st_size} bytes, intact",
        found["features"]["content_hash"],
        found["run"]["run_id"],
    ):
        assert fact in shown.stdout, fact


def test_one_row(live, row_key):
    row = live.json("lineage", "flights", DAY, "--row", row_key)["row"]
    assert row["row_key"] == row_key
    assert 0 < row["score"] < 1
    assert row["features"]["origin"] in {"EWR", "JFK", "LGA"}
    shown = live.run("lineage", "flights", DAY, "--row", row_key).stdout
    assert shown.startswith(f"flights {DAY}, row {row_key}\nscore        {row['score']:.6f}; event {DAY}T")
    wrong = live.run("lineage", "flights", DAY, "--row", "2013|1|1|nobody")
    assert wrong.exit_code == 1
    assert "has no row '2013|1|1|nobody'" in wrong.stderr


def test_a_refused_batch_leads_to_its_file_and_the_reason(live):
    found = live.json("lineage", "flights", BROKEN)
    assert (found["ingestion"]["verdict"], found["batch"], found["predictions"]) == ("refuse", None, None)
    shown = live.run("lineage", "flights", BROKEN).stdout
    assert "not readable as Parquet" in shown
    assert f"note  no batch of {BROKEN} is published" in shown


def test_a_changed_raw_file_is_told_and_fails(live, tmp_path):
    spoiled = live.copy(tmp_path)
    sha256 = live.json("lineage", "flights", DAY)["files"][0]["sha256"]
    path = next(path for path in raw_files(spoiled) if path.stem == sha256)
    path.write_bytes(path.read_bytes() + b" ")
    shown = spoiled.run("lineage", "flights", DAY)
    assert shown.exit_code == 1
    assert f"BROKEN  raw file {path} is changed; its SHA-256 was {sha256} when it landed" in shown.stdout
    assert spoiled.json("lineage", "flights", DAY, code=1)["files"][0]["state"] == "changed"


def test_from_a_file_forward(live):
    sha256 = live.json("lineage", "flights", "2013-01-04")["files"][0]["sha256"]
    found = live.json("lineage", "--file", sha256[:12])
    assert found["sha256"] == sha256
    shown = live.run("lineage", "flights", "--file", sha256).stdout
    assert shown.startswith(f"raw file {sha256}\n")
    assert "champion as version 2, decides on 2013-01-07.." in shown
    assert "scored 1 partitions, 2013-01-07..2013-01-07" in shown


def test_a_refused_file_led_to_nothing(live):
    sha256 = live.json("lineage", "flights", BROKEN)["files"][0]["sha256"]
    result = live.run("lineage", "--file", sha256)
    assert result.exit_code == 0
    assert "verdict  refuse" in result.stdout
    assert "No model learned from it." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["flights"], 2, "Name a use case and a date"),
        (["flights", "2013-02-30"], 2, "'2013-02-30' is not a date of the calendar"),
        (["flights", DAY, "--file", "0" * 64], 2, "leave out the date"),
        (["--file", "0" * 64], 1, "The ledger knows no file whose SHA-256 begins with"),
        (["--file", "00ff"], 1, "too short for a hash"),
        (["flights", "2014-01-01"], 1, "Nothing is known of flights on 2014-01-01"),
        (["boats", DAY], 1, "Nothing is known of boats"),
    ],
)
def test_mistakes(live, tmp_path, arguments, code, message):
    for installation in (live, empty(tmp_path)):
        result = installation.run("lineage", *arguments)
        assert result.exit_code == code
        assert message in result.stderr
        assert result.stdout == ""
