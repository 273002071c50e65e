"""`make bench`: run every bench, or those named on the command line."""

from __future__ import annotations

import importlib
import sys

BENCHES = {
    "parse": "bench.performance.parse",
    "warm_workers": "bench.performance.warm_workers",
    "ingestion": "bench.performance.ingestion",
    "lifecycle": "bench.performance.lifecycle",
    "spread": "bench.performance.spread",
    "backfill": "bench.performance.backfill",
    "day_cost": "bench.performance.day_cost",
    "drift": "bench.performance.drift",
    "features": "bench.performance.features",
    "online": "bench.performance.online",
    "gates": "bench.decisions.gates",
    "promotion": "bench.decisions.promotion",
    "year": "bench.decisions.year",
    "intervals": "bench.decisions.intervals",
    "monitoring": "bench.decisions.monitoring",
}


def main() -> None:
    """Run the benches in the order above."""
    asked = sys.argv[1:] or list(BENCHES)
    if unknown := sorted(set(asked) - set(BENCHES)):
        sys.exit(f"There is no bench {', '.join(unknown)}; choose from {', '.join(BENCHES)}")
    for name in asked:
        importlib.import_module(BENCHES[name]).main()


if __name__ == "__main__":
    main()
