"""The rules of an evaluation, a module per family: what each measures and how it judges that."""

from include.evaluation.rules.base import Case, Family, Finding
from include.evaluation.rules.behaviour import GOLDEN, INVARIANCE
from include.evaluation.rules.calibration import CALIBRATION
from include.evaluation.rules.comparisons import BASELINE, CHAMPION, FLOOR
from include.evaluation.rules.fairness import FAIRNESS
from include.evaluation.rules.operation import BUDGET, CONDITIONS, VALUE
from include.evaluation.rules.slices import SLICES
from include.evaluation.rules.stability import STABILITY

FAMILIES: dict[str, Family] = {
    "floor": FLOOR,
    "baseline": BASELINE,
    "champion": CHAMPION,
    "slices": SLICES,
    "fairness": FAIRNESS,
    "calibration": CALIBRATION,
    "stability": STABILITY,
    "golden": GOLDEN,
    "invariance": INVARIANCE,
    "budget": BUDGET,
    "value": VALUE,
    "conditions": CONDITIONS,
}

__all__ = ["FAMILIES", "Case", "Family", "Finding"]
