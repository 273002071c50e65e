"""The model card of a registered version: its purpose, what it was made from, what was found, who let it in.

Written from the declaration and the ledger when a version is registered, and again at each later decision
about it, so the card is never ahead of the records nor behind them. Headings after Mitchell et al. (2019),
Model Cards for Model Reporting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from include.champions import GATE as PROMOTION
from include.champions import ROLLBACK
from include.decisions import Decision
from include.registry import FEATURES_TAG

if TYPE_CHECKING:
    from include.use_case import UseCase
    from include.workspace import Workspace

MARKDOWN_FILE, HTML_FILE = "model_card.md", "model_card.html"
_EVALUATION, _APPROVAL = "evaluation", "approval"
_GATES = (_EVALUATION, _APPROVAL, PROMOTION, ROLLBACK)
_OPEN = "*not answered*"
_ALPHA = 0.05
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1d2733 }}
body {{ max-width: 50rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; margin: 1rem 0 }}
th, td {{ border: 1px solid #ccd4dd; padding: .3rem .7rem }}
th {{ background: #eef2f7; text-align: left }} code {{ background: #eef2f7; padding: 0 .2rem }}
</style></head><body>
{body}
</body></html>
"""


def write_card(use_case: UseCase, *, version: str, run_id: str, workspace: Workspace) -> None:
    """Store the card of a version with its run and show it with the version, as Markdown and HTML.

    Raises:
        Outage: MLflow or the ledger does not answer.
    """
    found = workspace.ledger.find(use_case=use_case.name, gate=_GATES)
    about = [
        decision
        for decision in reversed(found)
        if run_id in {decision.evidence["run_id"], decision.evidence.get("withdrawn_run_id")}
    ]
    run = workspace.registry.run(run_id)
    text = card(use_case, version, run.data.tags, run.data.params, about)
    title = f"{use_case.title}, version {version}"
    files = {MARKDOWN_FILE: text.encode(), HTML_FILE: as_html(text, title).encode()}
    workspace.registry.log_files(run_id, files)
    workspace.registry.describe(use_case.name, version, text)


def card(
    use_case: UseCase,
    version: str,
    tags: Mapping[str, str],
    params: Mapping[str, str],
    decisions: list[Decision],
) -> str:
    """Return a card as Markdown.

    Args:
        use_case: the declaration.
        version: of the registered model.
        tags: of the run, as training sets them.
        params: of the run.
        decisions: about this version, oldest first.
    """
    evaluations = [decision for decision in decisions if decision.gate == _EVALUATION]
    parts = [
        [f"# {_plain(use_case.title)}, version {version}", "", f"*{_plain(use_case.problem.question)}*"],
        _intended(use_case),
        _data(tags),
        _model(tags, params),
    ]
    if evaluations:
        parts += [_metrics(evaluations[-1]), _parts(evaluations[-1]), _reasons(evaluations[-1])]
    parts.append(_approvals(decisions))
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def as_html(markdown: str, title: str) -> str:
    """Return a Markdown text as a page that needs nothing else; HTML inside the text is shown, not run."""
    from html import escape

    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    return _PAGE.format(title=escape(title), body=body)


def _intended(use_case: UseCase) -> list[str]:
    answers = use_case.card
    return [
        "## Intended use",
        "",
        *_table(
            ("question", "answer"),
            [
                ("intended use", answers.intended_use or _OPEN),
                ("out of scope", answers.out_of_scope or _OPEN),
                ("limits", answers.limits or _OPEN),
                ("people affected", answers.people_affected or _OPEN),
                ("owner", use_case.owner or _OPEN),
                ("contact", answers.contact or use_case.owner or _OPEN),
            ],
        ),
    ]


def _data(tags: Mapping[str, str]) -> list[str]:
    return [
        "## Data",
        "",
        *_table(
            ("what", "which"),
            [
                ("as of", tags.get("airlock.as_of", "")),
                ("learned from", tags.get("airlock.train_partitions", "")),
                ("held out", tags.get("airlock.holdout_partitions", "")),
                ("without usable rows", tags.get("airlock.missing_partitions") or "none"),
                ("training set", tags.get("airlock.training_set", "")),
                ("features", tags.get(FEATURES_TAG, "")),
            ],
        ),
    ]


def _model(tags: Mapping[str, str], params: Mapping[str, str]) -> list[str]:
    shown = [(name, value) for name, value in sorted(params.items()) if name.startswith("model.")]
    code = [("code", tags.get("airlock.code_version", "")), ("reason", tags.get("airlock.reason", ""))]
    return ["## Model", "", *_table(("what", "which"), [*code, *shown])]


def _metrics(evaluation: Decision) -> list[str]:
    evidence = evaluation.evidence
    rows = [
        (name.removeprefix("metric:"), f"{figure['value']:.4f}", _interval(figure), *_others(evidence, name))
        for name, figure in sorted(evidence["figures"].items())
        if name.startswith("metric:") and figure["kind"] == "estimate"
    ]
    about = f"{evidence['rows']} rows of {evidence['days']} days that the model did not learn from."
    interval = "Intervals of 90 %, in which rows of one day count as dependent."
    columns = ("metric", "value", "interval", "baseline", "champion then")
    return ["## Metrics", "", f"{about} {interval}", "", *_table(columns, rows)]


def _others(evidence: Mapping[str, Any], name: str) -> tuple[str, str]:
    metric = name.removeprefix("metric:")
    found = [evidence["figures"].get(f"{other}:{metric}") for other in ("baseline", "champion")]
    texts = [f"{figure['other']:.4f}" if figure and "other" in figure else "" for figure in found]
    return texts[0], texts[1]


def _interval(figure: Mapping[str, Any]) -> str:
    from include.stats.bounds import Estimated

    if figure["value"] is None or figure["standard_error"] is None:
        return "unknown"
    found = Estimated(figure["value"], figure["standard_error"], figure["degrees_of_freedom"])
    return f"{found.lower(_ALPHA):.4f} to {found.upper(_ALPHA):.4f}"


def _parts(evaluation: Decision) -> list[str]:
    lines: list[str] = []
    for key, figure in sorted(evaluation.evidence["figures"].items()):
        if figure["kind"] == "slices":
            rows = [
                (
                    part["name"],
                    str(part["rows"]),
                    *(_number(part["difference"][side]) for side in ("candidate", "other")),
                )
                for part in figure["worst"]
            ]
            columns = ("slice", "rows", "here", "other side")
            told = f"`{_plain(key)}`, {figure['looked_at']} looked at"
            lines += ["## Slices", "", told, "", *_table(columns, rows), ""]
        elif figure["kind"] == "groups":
            rows = [
                (
                    name,
                    str(sum(group["counted"])),
                    f"{sum(group['acted']) / max(sum(group['counted']), 1):.1%}",
                )
                for name, group in figure["counts"].items()
            ]
            told = f"`{_plain(key)}`, largest difference {_number(figure['difference'])}"
            lines += ["## Fairness", "", told, "", *_table(("group", "rows", "acted on"), rows), ""]
    return lines[:-1]


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"


def _reasons(evaluation: Decision) -> list[str]:
    reasons = [f"- {_plain(reason)}" for reason in evaluation.reasons]
    return [
        "## Evaluation",
        "",
        f"Verdict **{evaluation.verdict.value}**, decision `{evaluation.id}`.",
        "",
        *reasons,
    ]


def _approvals(decisions: list[Decision]) -> list[str]:
    rows = [
        (
            decision.gate,
            decision.as_of,
            decision.verdict.value,
            decision.actor,
            decision.reasons[0],
            decision.id,
        )
        for decision in decisions
        if decision.gate != _EVALUATION
    ]
    if not rows:
        return ["## Approvals", "", "None yet: this version was never in use."]
    return ["## Approvals", "", *_table(("gate", "as of", "verdict", "by", "reason", "decision"), rows)]


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return [*lines, *(f"| {' | '.join(map(_plain, row))} |" for row in rows)]


def _plain(text: str) -> str:
    """Return a text for one cell: no line breaks, no column marks."""
    return " ".join(str(text).split()).replace("|", "\\|")
