"""The command line as a whole: help that teaches, quick starts, plain errors, and the script at the root."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from cli import main as cli_main
from cli.main import COMMANDS, Lazy, LazyGroup, main, printable
from include.errors import AirlockError
from include.settings import PROJECT_ROOT
from tests.cli.lifecycle_fixture import empty

SCRIPT = PROJECT_ROOT / "airlock"
HEAVY = {"pandas", "numpy", "pyarrow", "deltalake", "mlflow", "sklearn", "sqlalchemy", "pydantic", "airflow"}
# A command's own help may need the settings, and nothing that takes a second.
SLOW = HEAVY - {"pydantic", "sqlalchemy"}
# They run until they are stopped, and print for a person.
SERVERS = {"demo", "serve", "up-local", "component", "secrets"}
PRESENT = [name for name, lazy in COMMANDS.items() if importlib.util.find_spec(lazy.target.partition(":")[0])]


def test_help_lists_every_command_with_its_summary():
    result = CliRunner().invoke(main, ["--help"], terminal_width=200)
    assert result.exit_code == 0
    for name, lazy in COMMANDS.items():
        assert any(line.split() == [name, *lazy.summary.split()] for line in result.output.splitlines())


@pytest.mark.parametrize("name", PRESENT)
def test_every_command_teaches(name):
    context = click.Context(main)
    command = main.get_command(context, name)
    assert command.help.splitlines()[0] == COMMANDS[name].summary
    commands = {(name,): command}
    if isinstance(command, click.Group):
        commands |= {(name, sub): found for sub, found in command.commands.items()}
    for path, found in commands.items():
        result = CliRunner().invoke(main, [*path, "--help"])
        assert result.exit_code == 0
        lines = [line.strip() for line in result.output.partition("Example")[2].splitlines()]
        assert any(line.startswith(f"./airlock {' '.join(path)}") for line in lines)
        assert max(map(len, result.output.splitlines())) <= 90
        assert all(option.help for option in found.params if isinstance(option, click.Option))


@pytest.mark.parametrize("name", [name for name in PRESENT if name not in SERVERS])
def test_scripts_get_json_from_every_command(name):
    command = main.get_command(click.Context(main), name)
    assert "--json" in {text for option in command.params for text in option.opts}


# Each command in a process of its own, forked from one that has imported no more than the program does first.
HELPED = """
import json, os, sys
from cli.main import main
for arguments in json.loads(sys.argv[1]):
    if os.fork() == 0:
        try:
            main(arguments, standalone_mode=False)
            print(json.dumps([arguments, sorted(sys.modules)]), flush=True)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.wait()
    if status:
        sys.exit(f"{arguments} failed")
"""


@pytest.fixture(scope="module")
def imported_for_help():
    """What has been imported after `--help` alone, and after that of each command."""
    asked = [["--help"], *([name, "--help"] for name in PRESENT)]
    done = subprocess.run(
        [sys.executable, "-c", HELPED, json.dumps(asked)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[[")]
    return {tuple(arguments): set(modules) for arguments, modules in answers}


@pytest.mark.parametrize(
    ("arguments", "forbidden"), [(("--help",), HEAVY), *(((name, "--help"), SLOW) for name in PRESENT)]
)
def test_help_imports_nothing_heavy(imported_for_help, arguments, forbidden):
    assert "cli.main" in imported_for_help[arguments]
    assert forbidden & imported_for_help[arguments] == set()


def failing(error):
    @click.command(cls=click.Command)
    def fail():
        raise error

    group = LazyGroup(
        "root", lazy={}, params=[click.Option(["--debug"], is_flag=True)], callback=lambda debug: None
    )
    group.add_command(fail)
    return group


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (AirlockError("The lake is dry; fill it"), "Error: The lake is dry; fill it\n"),
        (
            ValueError("boom"),
            "Error: This should not happen: ValueError: boom. See where with: ./airlock --debug",
        ),
        (FileNotFoundError("gone"), "Error: This should not happen: FileNotFoundError: gone"),
        (AirlockError("\x1b[2J\x9b1m and \u202e"), r"Error: \x1b[2J\x9b1m and \u202e"),
    ],
)
def test_errors_are_one_plain_message(error, message):
    result = CliRunner().invoke(failing(error), ["fail"])
    assert result.exit_code == 1
    assert result.stderr.startswith(message)
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_debug_lets_the_error_through():
    result = CliRunner().invoke(failing(AirlockError("dry")), ["--debug", "fail"])
    assert isinstance(result.exception, AirlockError)


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["land"], ["decisions", "--verdict", "maybe"], ["lineage"]]
)
def test_wrong_usage_has_its_own_exit_code(arguments):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "Error:" in result.stderr
    assert "--help" in result.stderr


def test_a_command_that_is_not_there_yet(monkeypatch):
    monkeypatch.setitem(cli_main.COMMANDS, "later", Lazy("cli.commands.later:later", "Comes later."))
    result = CliRunner().invoke(main, ["later"])
    assert result.exit_code == 1
    assert "The command 'later' is not part of this checkout: cli.commands.later is missing" in result.stderr


def test_a_command_that_lacks_a_library_says_which(monkeypatch, tmp_path):
    (tmp_path / "lacking_library.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(cli_main.COMMANDS, "lacking", Lazy("lacking_library:command", "Lacks something."))
    result = CliRunner().invoke(main, ["lacking"])
    assert result.exit_code == 1
    assert "no_such_library" in result.stderr


def test_a_wrong_setting_is_named_and_its_value_is_not_told(tmp_path):
    result = empty(tmp_path).run("status", AIRLOCK_AIRFLOW_PORT="99999", AIRLOCK_OMP_NUM_THREADS="many")
    assert result.exit_code == 1
    assert "AIRLOCK_AIRFLOW_PORT: Input should be less than or equal to 65535" in result.stderr
    assert "AIRLOCK_OMP_NUM_THREADS" in result.stderr
    assert "99999" not in result.stderr


def test_printable_keeps_text_and_line_ends():
    assert printable("Zürich, 5 °F → ok\nnext") == "Zürich, 5 °F → ok\nnext"
    assert printable("a\rb\x00") == r"a\rb\x00"


def script(*arguments, cwd, **environment):
    return subprocess.run(
        [SCRIPT, *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path):
    """A checkout without an environment."""
    shutil.copy(SCRIPT, tmp_path / "airlock")
    return tmp_path


def test_without_an_environment_the_script_says_what_to_run(checkout):
    done = subprocess.run([checkout / "airlock", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr
        == f"Error: {checkout}/.venv is missing, so nothing can be run; make it with: make install\n"
    )


@pytest.mark.skipif(not (PROJECT_ROOT / ".venv").exists(), reason="the checkout has no .venv")
def test_the_script_runs_from_anywhere(tmp_path):
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "__init__.py").write_text("raise SystemExit('the wrong package')")
    installation = empty(tmp_path)
    done = script("use-cases", "--json", cwd=tmp_path, **installation.environment)
    assert done.returncode == 0, done.stderr
    assert [found["name"] for found in json.loads(done.stdout)] == ["flights"]
    done = script("lineage", "flights", "2013-01-01", cwd=tmp_path, **installation.environment)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Nothing is known of flights on 2013-01-01")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not (PROJECT_ROOT / ".venv").exists(), reason="the checkout has no .venv")
def test_typed_folders_count_from_where_the_person_stands(tmp_path):
    done = script(
        "land",
        "--from",
        "2013-02-08",
        "--to",
        "2013-02-08",
        "--into",
        "here",
        cwd=tmp_path,
        AIRLOCK_HOME=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "here" / "flights" / "2013-02-08.parquet").is_file()
    assert "\x1b" not in done.stdout + done.stderr
