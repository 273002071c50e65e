"""Whether the same scores turn out otherwise than on the champion's holdout: the relation itself moved."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict
from include.stats.blocks import exceeds_baseline
from include.use_case_sections import Concept

GATE = "concept"
RULE = "loss within bins of scores, standardised to the holdout's mix; Welch bound, days as blocks"
_FEWEST_DAYS = 2


class ConceptEvidence(BaseModel):
    """Standardised loss by day: what each would show with the holdout's mix of scores.

    Attributes:
        raw: mean loss of the same days as they came, to be compared.
        calibration_error: of these days, pooled.
        min_days: days with labels that were asked for, as for the performance; a setting of that section.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["concept"] = "concept"
    live: dict[str, float]
    holdout: dict[str, float]
    raw: float | None = None
    calibration_error: float | None = None
    min_days: int = 4


def check(evidence: ConceptEvidence, policy: Concept) -> Ruling:
    """Judge the loss at fixed inputs. `warn` says that the relation of inputs and labels changed."""

    def ruled(verdict: Verdict, reason: str) -> Ruling:
        return Ruling(verdict=verdict, reasons=[reason], rule=RULE, error_rate=policy.alpha)

    days = len(evidence.live)
    if days < evidence.min_days:
        return ruled(Verdict.UNDECIDED, f"{days} days with labels, needed {evidence.min_days}")
    if len(evidence.holdout) < _FEWEST_DAYS:
        return ruled(Verdict.UNDECIDED, "the champion keeps no bins of its holdout to compare with")
    found = exceeds_baseline(
        list(evidence.live.values()), list(evidence.holdout.values()), policy.margin, policy.alpha
    )
    raw = "" if evidence.raw is None else f" ({evidence.raw:.3f} as the rows came)"
    reason = (
        f"at the holdout's mix of scores the loss is {found.mean_current:.3f}{raw} against "
        f"{found.mean_baseline:.3f}, a rise of at least {found.lower_bound:+.3f}, marked above "
        f"{policy.margin:+.3f}"
    )
    return ruled(Verdict.WARN if found.exceeds else Verdict.PASS, reason)
