"""What became of faults that were put in on purpose, and which of them went through."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Caught:
    """What became of one fault; `by` is empty where it went through."""

    fault: str
    by: str
    reason: str


def uncaught(found: list[Caught]) -> list[str]:
    """Return the faults that went through, and the control when it did not."""
    control, *faults = found
    refused = [f"{control.fault}: refused by {control.by}"] if control.by else []
    return refused + [caught.fault for caught in faults if not caught.by]
