"""`land` through the command line; what it writes is tested with `cli.landing`."""

import pytest

from cli.commands import land as land_module
from tests.cli.lifecycle_fixture import empty

RANGE = ("land", "--from", "2013-02-08", "--to", "2013-02-09")


def test_it_lands_where_the_settings_say_and_then_changes_nothing(tmp_path):
    installation = empty(tmp_path)
    found = installation.json(*RANGE)
    landing = installation.home / "landing"
    assert found == {
        "landing": str(landing),
        "first": "2013-02-08",
        "last": "2013-02-09",
        "files_written": 7,
        "files_unchanged": 0,
        "rows": 6554,
    }
    assert sorted(path.name for path in (landing / "flights").iterdir()) == [
        "2013-02-08.parquet",
        "2013-02-09.parquet",
    ]
    again = installation.run(*RANGE)
    assert again.stdout == f"{landing}: 6,554 rows; files: 0 written, 7 unchanged\n"
    assert again.stderr.splitlines()[-1].startswith("weather: 144 rows")


def test_it_lands_elsewhere(tmp_path):
    installation = empty(tmp_path)
    assert installation.run(*RANGE, "--into", str(tmp_path / "other")).exit_code == 0
    assert (tmp_path / "other" / "weather" / "2013-02-09.parquet").is_file()
    assert not installation.home.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ("land", "--from", "2013-02-30", "--to", "2013-03-01"),
            2,
            "'2013-02-30' is not a date of the calendar",
        ),
        (
            ("land", "--from", "2012-12-31", "--to", "2013-01-01"),
            1,
            "2012-12-31 is outside; choose dates of 2013",
        ),
        (("land", "--from", "2013-02-09", "--to", "2013-02-08"), 1, "exchange the two dates"),
        ((*RANGE, "--into", "gs://bucket"), 1, "'gs://bucket' is neither a folder nor s3://"),
    ],
)
def test_mistakes(tmp_path, arguments, code, message):
    result = empty(tmp_path).run(*arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""


def test_on_a_terminal_there_is_a_bar(tmp_path, monkeypatch):
    terminals = []

    def terminal():
        from rich.console import Console

        terminals.append(Console(file=(tmp_path / "screen").open("w"), force_terminal=True, width=80))
        return terminals[-1]

    monkeypatch.setattr(land_module, "stderr", terminal)
    assert empty(tmp_path).run(*RANGE).exit_code == 0
    terminals[0].file.close()
    assert "5/5" in (tmp_path / "screen").read_text()
