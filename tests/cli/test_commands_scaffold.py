"""`scaffold` through the command line, and what `serve` starts for a use case that waits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cli.commands.serve import _somebody_waits
from include.use_case import FILE_NAME
from tests.cli.lifecycle_fixture import empty


def loans(path):
    random = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "loan": range(400),
            "granted": pd.date_range("2024-01-01", periods=400, freq="1h", tz="UTC").astype(str),
            "amount": random.gamma(2, 1000, 400).round(2),
            "defaulted": (random.random(400) < 0.2).astype(int),
        }
    )
    frame.to_csv(path, index=False)
    return path


def test_it_writes_a_use_case_that_is_sound_and_says_what_comes_next(tmp_path):
    installation = empty(tmp_path)
    data = loans(tmp_path / "loans.csv")
    told = installation.run("scaffold", str(data), "--name", "loans", "--target", "defaulted")
    assert told.exit_code == 0
    assert "from 400 rows of 17 days" in told.stdout
    assert "look at" in told.stdout
    assert "./airlock use-cases show loans" in told.stdout
    assert (installation.use_cases / "loans" / FILE_NAME).is_file()
    assert len(list((installation.home / "landing" / "loans").iterdir())) == 17
    listed = {item["name"]: item["valid"] for item in installation.json("use-cases", "--check")}
    assert listed["loans"] is True


def test_it_refuses_to_overwrite(tmp_path):
    installation = empty(tmp_path)
    data = loans(tmp_path / "loans.csv")
    arguments = ("scaffold", str(data), "--name", "flights", "--target", "defaulted")
    before = (installation.use_cases / "flights" / FILE_NAME).read_bytes()
    told = installation.run(*arguments)
    assert told.exit_code == 1
    assert "nothing is overwritten" in told.stderr
    assert (installation.use_cases / "flights" / FILE_NAME).read_bytes() == before


def test_scripts_get_what_was_made(tmp_path):
    installation = empty(tmp_path)
    data = loans(tmp_path / "loans.csv")
    made = installation.json("scaffold", str(data), "--name", "loans", "--target", "defaulted")
    assert (made["folder"], made["rows"]) == (str(installation.use_cases / "loans"), 400)
    assert made["days"][0] == "2024-01-01"


def test_the_triggerer_is_needed_only_where_a_use_case_waits(tmp_path):
    installation = empty(tmp_path)
    settings = installation.workspace.settings
    assert not _somebody_waits(settings)
    path = installation.use_cases / "flights" / FILE_NAME
    path.write_text(path.read_text().replace("source:\n", "source:\n  wait: {timeout_minutes: 5}\n", 1))
    assert _somebody_waits(settings)
    path.write_text("broken: [")
    assert not _somebody_waits(settings)
