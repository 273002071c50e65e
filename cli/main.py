"""The command line of Airlock: its commands, found when they are called, and how errors are told.

Nothing heavy is imported here, so that `./airlock --help` and every mistake in spelling answer at once.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import click


class Lazy(NamedTuple):
    """A command that is imported when it is called.

    Attributes:
        target: `module:function`.
        summary: what `--help` lists; a test compares it with the command's own first sentence.
    """

    target: str
    summary: str


# In the order in which a newcomer needs them.
COMMANDS = {
    "demo": Lazy(
        "cli.demo.command:demo",
        "Replay weeks of 2013's flights through a running Airflow, from an empty start.",
    ),
    "serve": Lazy(
        "cli.commands.serve:serve", "Start Airflow and MLflow on the settings in .env, until Ctrl-C."
    ),
    "up-local": Lazy(
        "cli.commands.up_local:up_local", "Start PostgreSQL, Redis, S3, MLflow and Airflow with two workers."
    ),
    "component": Lazy(
        "cli.commands.component:component", "Become one part of an installation: what containers run."
    ),
    "secrets": Lazy("cli.commands.secrets:secrets", "Draw passwords and keys into a folder, one file each."),
    "status": Lazy("cli.commands.status:status", "Show the state of every use case on one screen."),
    "health": Lazy(
        "cli.commands.health:health", "Show how well batches come in, by partition and over time."
    ),
    "use-cases": Lazy(
        "cli.commands.use_cases:use_cases", "List the declared use cases, broken ones included."
    ),
    "policy": Lazy(
        "cli.commands.policy:policy", "Show which rules hold for a use case, and where each comes from."
    ),
    "scaffold": Lazy(
        "cli.commands.scaffold:scaffold", "Make a first use case from a file or a folder of data."
    ),
    "land": Lazy("cli.commands.land:land", "Land real flights of 2013 as daily files."),
    "decisions": Lazy("cli.commands.decisions:decisions", "Show what was decided, on what evidence and why."),
    "quarantine": Lazy(
        "cli.commands.quarantine:quarantine", "Show, release or discard rows that were set aside."
    ),
    "features": Lazy(
        "cli.commands.features:features",
        "Show the features of a use case: definitions, versions, users, what is out of date.",
    ),
    "rebuild-features": Lazy(
        "cli.commands.features:rebuild_features",
        "Build features of past dates again, after a change of definitions, batches or side tables.",
    ),
    "lineage": Lazy(
        "cli.commands.lineage:lineage", "Trace a prediction to its raw files, or a file forward."
    ),
    "champions": Lazy("cli.commands.champions:champions", "Show which model was in use when."),
    "materialise": Lazy(
        "cli.commands.materialise:materialise",
        "Renew the state from which single requests get their features.",
    ),
    "simulate": Lazy(
        "cli.commands.simulate:simulate", "Replay a range of days under several policies, without Airflow."
    ),
    "reproduce": Lazy(
        "cli.commands.reproduce:reproduce",
        "Train a recorded run once more and compare: the same metrics, the same predictions?",
    ),
    "rollback": Lazy(
        "cli.commands.rollback:rollback", "Put an earlier champion in use again, with a reason in the ledger."
    ),
    "replay": Lazy("cli.commands.replay:replay", "Apply a decision's rule to its recorded evidence again."),
    "backtest": Lazy(
        "cli.commands.replay:backtest", "Show which past verdicts other rules would have changed."
    ),
    "triggers": Lazy(
        "cli.commands.triggers:triggers", "Score what asked for trainings by the weeks that followed."
    ),
    "backup": Lazy("cli.commands.backup:backup", "Copy ledger, MLflow and lake into a folder or a bucket."),
    "restore": Lazy(
        "cli.commands.backup:restore", "Put a backup into an empty installation, and check that it holds."
    ),
    "verify": Lazy(
        "cli.commands.verify:verify", "Prove that the ledger is unchanged and MLflow agrees with it."
    ),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, and whose errors are one plain message.

    Args:
        lazy: the commands by name.
    """

    def __init__(self, *args: Any, lazy: dict[str, Lazy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, _, function = self._lazy[cmd_name].target.partition(":")
        try:
            command = getattr(importlib.import_module(module), function)
        except ModuleNotFoundError as error:
            if error.name is None or not module.startswith(error.name):
                raise
            raise click.ClickException(
                f"The command {cmd_name!r} is not part of this checkout: {error.name} is missing. "
                "Update it with: git pull"
            ) from error
        if not isinstance(command, click.Command):
            return None
        # click's mark of a paragraph that is not to be wrapped; a raw docstring spells it with two signs.
        command.help = (command.help or "").replace("\\b\n", "\b\n")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.summary) for name, lazy in self._lazy.items()])

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.params.get("debug"):
            return super().invoke(ctx)
        with plain_errors():
            return super().invoke(ctx)


def printable(text: str) -> str:
    """Return a text with its control characters spelled out: landed data must not steer a terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" else repr(sign)[1:-1] for sign in text)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn errors into one message on stderr and exit code 1; click knows how to end by itself."""
    from include.errors import AirlockError

    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except AirlockError as error:
        raise click.ClickException(printable(str(error))) from error
    except Exception as error:  # a person is not helped by a traceback that they did not ask for
        raise click.ClickException(
            printable(f"This should not happen: {type(error).__name__}: {error}")
            + ". See where with: ./airlock --debug ..."
        ) from error


@click.group(
    epilog="""\b
Examples:
  make demo                               the whole lifecycle on real flights
  ./airlock status                        what is going on
  ./airlock decisions --verdict refuse    what was refused, and why
  ./airlock COMMAND --help                what a command is for, with examples
""",
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show the full traceback of an error.")
def main(debug: bool) -> None:
    """Airlock: a gated machine-learning lifecycle on Apache Airflow.

    Every day's data, every candidate model and every alarm passes a gate, and every gate writes down
    its verdict with the evidence. These commands let a person see and check what was decided. They
    read the settings in .env.
    """
