"""`decisions`: lists and one whole, for people and for scripts."""

import io
import subprocess
import sys

import click
import pytest

from cli.commands import output
from include.settings import PROJECT_ROOT
from tests.cli.lifecycle_fixture import BROKEN, SCORED, empty, filled


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("lifecycle"))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], lambda d: True),
        (["--use-case", "flights"], lambda d: d.use_case == "flights"),
        (["--use-case", "boats"], lambda d: False),
        (["--gate", "ingestion"], lambda d: d.gate == "ingestion"),
        (["--partition", BROKEN], lambda d: d.partition == BROKEN),
        (["--verdict", "refuse"], lambda d: d.verdict == "refuse"),
        (
            ["--gate", "ingestion", "--verdict", "refuse"],
            lambda d: (d.gate, d.verdict) == ("ingestion", "refuse"),
        ),
    ],
)
def test_filters(live, filters, expected):
    everything = live.workspace.ledger.find()
    found = live.json("decisions", "--limit", "1000", *filters)
    assert found == [decision.model_dump(mode="json") for decision in everything if expected(decision)]


def test_the_limit_takes_the_newest_and_says_so(live):
    newest = [decision.id for decision in live.workspace.ledger.find(limit=2)]
    assert [decision["id"] for decision in live.json("decisions", "--limit", "2")] == newest
    result = live.run("decisions", "--limit", "2")
    assert "These are the newest 2; see more with --limit 20" in result.stderr
    assert live.run("decisions", "--limit", "0").exit_code == 2


def test_the_list_names_whole_ids_and_reasons(live):
    result = live.run("decisions", "--partition", BROKEN)
    (decision,) = live.workspace.ledger.find(partition=BROKEN)
    line, reason = result.stdout.splitlines()
    assert line.split() == [BROKEN, "ingestion", "refuse", "flights", decision.id]
    more = len(decision.reasons) - 1
    assert reason.strip() == decision.reasons[0] + (f" (and {more} more)" if more else "")
    assert "not readable as Parquet" in reason


def test_nothing_matches(live, tmp_path):
    for result in (live.run("decisions", "--gate", "customs"), empty(tmp_path).run("decisions")):
        assert result.exit_code == 0
        assert result.stdout == ""
        assert "No decision matches" in result.stderr


def test_one_whole(live):
    decision = live.workspace.ledger.find(gate="promotion", limit=1)[0]
    result = live.run("decisions", "--id", decision.id[:12])
    assert result.stdout.startswith("promotion of flights as of 2013-01-07\n")
    for fact in (
        decision.id,
        decision.policy_hash,
        decision.rule,
        decision.code_version,
        *decision.reasons,
        *decision.data_refs,
        "actor       ada",
        "mode        fail_closed",
        '"evaluation_verdict": "pass"',
        "error rate  none: plain limits",
    ):
        assert fact in result.stdout
    assert live.json("decisions", "--id", decision.id) == decision.model_dump(mode="json")


def test_an_error_rate_is_told(live):
    result = live.run("decisions", "--id", live.workspace.ledger.find(gate="drift", limit=1)[0].id)
    assert "error rate  0.0476" in result.stdout


def test_an_unknown_id(live):
    result = live.run("decisions", "--id", "ffffffffffff")
    assert result.exit_code == 1
    assert "no decision with id 'ffffffffffff'" in result.stderr


@pytest.mark.parametrize("width", [80, 40])
def test_on_a_terminal_lines_fold_and_ids_stay_whole(live, monkeypatch, width):
    from rich.console import Console

    monkeypatch.setattr(
        output,
        "stdout",
        lambda: Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False),
    )
    decision = live.workspace.ledger.find(gate="ingestion", verdict=None, limit=1)[0]
    lines = live.run("decisions", "--id", decision.id).stdout.partition("evidence")[0].splitlines()
    plain = [click.unstyle(line) for line in lines]
    assert any("\x1b[" in line for line in lines)
    assert max(map(len, plain)) <= max(width, 80)
    assert any(line.endswith(f" {decision.policy_hash}") for line in plain)


def test_a_reader_that_stops_reading_is_no_error(live):
    command = f"{sys.executable} -m cli decisions --limit 1000 --json | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=PROJECT_ROOT,
        env={"PATH": "/usr/bin:/bin", **live.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("[\n", "")


def test_landed_text_cannot_steer_the_terminal(tmp_path):
    from include.decisions import Ruling, Subject, Verdict, decide

    installation = empty(tmp_path)
    ruling = Ruling(verdict=Verdict.WARN, reasons=["carrier '\x1b[2J[red]\x9b' is new"], rule="none")
    subject = Subject(use_case="flights", partition=SCORED[0], as_of=SCORED[0])
    installation.workspace.ledger.append(
        decide(gate="ingestion", subject=subject, ruling=ruling, evidence={}, policy={}, data_refs=[])
    )
    result = installation.run("decisions")
    assert r"carrier '\x1b[2J[red]\x9b' is new" in result.stdout
    assert "\x1b" not in result.stdout
