"""`python -m tests.corpus`: the table of all broken batches."""

from __future__ import annotations

import sys

from tests.corpus.run import all_cases
from tests.corpus.weighing import Weighed


def main() -> int:
    """Print one line a case and return how many are wrong."""
    weighed = Weighed(all_cases())
    count = wrong = 0
    for outcome in weighed:
        count += 1
        wrong += bool(outcome.wrong)
        said = outcome.wrong or (outcome.answer.reasons or [outcome.answer.message])[0]
        mark = "WRONG" if outcome.wrong else "ok"
        _say(f"{mark:5}  {outcome.case.verdict:6}  {outcome.case.name:60.60}  {said!r:.110}")
    _say(f"{count} broken batches, {wrong} judged wrongly; peak memory grew by {weighed.megabytes:.0f} MB")
    return wrong


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(bool(main()))
