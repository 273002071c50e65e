"""`python -m cli.clean_metadata`: remove what Airflow's database remembers of runs that are long over.

Tasks of Airflow 3 cannot reach this database, so this is no task of `airlock.maintenance`: let a timer of the
host start it. The records that count are Airlock's own, in the ledger; they are not touched.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import click

DAYS = 90


def command(*, days: int = DAYS, now: datetime | None = None) -> list[str]:
    """Return Airflow's command that keeps the last days."""
    before = (now or datetime.now(UTC)) - timedelta(days=days)
    return [
        sys.executable, "-m", "airflow", "db", "clean", "--clean-before-timestamp", before.isoformat(),
        "--skip-archive", "--yes",
    ]  # fmt: skip


if __name__ == "__main__":
    days = int(sys.argv[1]) if sys.argv[1:] else DAYS
    done = subprocess.run(command(days=days), check=False)
    if done.returncode:
        sys.exit(done.returncode)
    click.echo(f"clean-metadata kept the last {days} days")
