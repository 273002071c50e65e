"""The verdict on a candidate."""

from __future__ import annotations

from include.decisions import Ruling, Verdict, worst
from include.evaluation.figures import EvaluationEvidence, Unmeasured
from include.evaluation.rules import FAMILIES, Finding
from include.use_case_sections import ChampionGate, Evaluation, EvaluationGate

_SHUT = {Verdict.REFUSE, Verdict.UNDECIDED}


def check(evidence: EvaluationEvidence, policy: Evaluation) -> Ruling:
    """Judge a candidate by its figures. Every rule must pass."""
    found: list[Finding] = []
    if evidence.rows < policy.min_rows:
        found.append((Verdict.UNDECIDED, f"{evidence.rows} labelled holdout rows, needed {policy.min_rows}"))
    if evidence.learned_days:
        days = ", ".join(evidence.learned_days)
        found.append((Verdict.REFUSE, f"the run learned from days that it is judged on: {days}"))
    if not evidence.judgeable:
        found.append((Verdict.UNDECIDED, "the holdout holds one class only, or too few days"))
    else:
        found += [_judge(evidence, rule) for rule in policy.gates]
    ranks = (Verdict.REFUSE, Verdict.UNDECIDED, Verdict.WARN, Verdict.PASS)
    return Ruling(
        verdict=worst([verdict for verdict, _ in found]),
        reasons=[reason for rank in ranks for verdict, reason in found if verdict is rank],
        rule="; ".join(dict.fromkeys(FAMILIES[rule.kind].explanation for rule in policy.gates)),
        error_rate=max((rule.alpha for rule in policy.gates if hasattr(rule, "alpha")), default=None),
    )


def _judge(evidence: EvaluationEvidence, rule: EvaluationGate) -> Finding:
    family = FAMILIES[rule.kind]
    figure = evidence.figures.get(family.key(rule, evidence.problem))
    # A champion that there is not, or that cannot be compared, is judged without a figure.
    if isinstance(rule, ChampionGate) and evidence.champion_state != "compared":
        verdict, reason = family.judge(rule, None, evidence)
    elif figure is None:
        verdict, reason = Verdict.REFUSE, f"{rule.kind}: the evidence holds no figure for this rule"
    elif isinstance(figure, Unmeasured):
        verdict, reason = Verdict.REFUSE, f"{rule.kind}: {figure.reason}"
    else:
        verdict, reason = family.judge(rule, figure, evidence)
    if rule.severity == "warn" and verdict in _SHUT:
        return Verdict.WARN, f"{reason} (a warning only, by its severity)"
    return verdict, reason
