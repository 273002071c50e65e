"""Known faults, put into training, data and artefacts on purpose: which gate catches which.

`make gate-faults` runs all of them and exits with 1 when one goes through.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.decisions.caught import uncaught
from bench.decisions.model_faults import faults_of_rules
from bench.decisions.stage_faults import faults_of_stages, prepared_home


def main() -> None:
    """Inject every fault, print which gate caught it, and exit with 1 when one went through."""
    as_of = "2013-01-14"
    found = faults_of_rules()
    with tempfile.TemporaryDirectory() as folder:
        use_case, workspace = prepared_home(Path(folder), as_of)
        found += faults_of_stages(use_case, as_of, workspace)
    table = Table("fault", "caught by", "reason", title="gate faults", title_justify="left")
    for caught in found:
        table.add_row(caught.fault, caught.by or "nobody", caught.reason[:160])
    Console(width=150).print(table)
    if lost := uncaught(found):
        sys.exit(f"Not caught: {', '.join(lost)}")


if __name__ == "__main__":
    main()
