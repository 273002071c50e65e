"""Whether the rows that were scored are such that a score, and a verdict on it, means anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict
from include.stats.multiplicity import bonferroni
from include.stats.profile import OTHER
from include.stats.proportions import exceeds_limit
from include.use_case_sections import Quality

if TYPE_CHECKING:
    import pandas as pd

    from include.monitoring.watched import Watched

GATE = "quality"
RULE = "shares against their limits, exact binomial bounds (Clopper & Pearson 1934), Bonferroni over columns"
_NAMED = 5
_FEWEST_VARYING = 30


class ShareEvidence(BaseModel):
    """How many of so many rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int
    rows: int
    usual: float = 0.0


class QualityEvidence(BaseModel):
    """What is odd about the rows of a partition. Columns without anything odd are left out.

    Attributes:
        rows: scored, each once.
        repeated: predictions beyond the first of a row.
        unscored: features without a prediction.
        foreign_version: model version that scored the rows, where it is not the champion of the date.
        misdated: rows whose event time lies outside their date, in the zone of the source.
        gone: features that the champion learned from and that the rows lack altogether.
        constant: features with one value only, which varied in the reference.
        nulls: features with more nulls than the reference.
        unseen: categories that the reference lacks.
        compared: features that were compared; 0 where no reference was kept with the model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["quality"] = "quality"
    rows: int
    repeated: int = 0
    unscored: int = 0
    foreign_version: str = ""
    misdated: int = 0
    gone: list[str] = []
    constant: list[str] = []
    nulls: dict[str, ShareEvidence] = {}
    unseen: dict[str, ShareEvidence] = {}
    compared: int = 0


def check(evidence: QualityEvidence, policy: Quality) -> Ruling:
    """Judge what was scored. `warn` says what to mend; no training is ordered for it."""
    reasons = [*_plain(evidence), *_shares(evidence, policy)]
    if reasons:
        return Ruling(verdict=Verdict.WARN, reasons=reasons, rule=RULE, error_rate=policy.alpha)
    if not evidence.compared:
        reason = f"{evidence.rows} rows; the champion keeps no reference to compare them with"
        return Ruling(verdict=Verdict.UNDECIDED, reasons=[reason], rule=RULE, error_rate=policy.alpha)
    reason = f"{evidence.rows} rows, {evidence.compared} features as the champion knows them"
    return Ruling(verdict=Verdict.PASS, reasons=[reason], rule=RULE, error_rate=policy.alpha)


def _plain(evidence: QualityEvidence) -> list[str]:
    reasons = []
    if evidence.foreign_version:
        reasons.append(
            f"scored by version {evidence.foreign_version}, which is not the champion of this date; "
            "score the partition again"
        )
    if evidence.repeated:
        reasons.append(f"{evidence.repeated} rows were predicted more than once; the first counts")
    if evidence.unscored:
        reasons.append(f"{evidence.unscored} rows of the features were not scored; score the partition again")
    if evidence.gone:
        reasons.append(f"features gone: {_named(evidence.gone)}; the champion learned from them")
    if evidence.constant:
        reasons.append(f"features that became constant: {_named(evidence.constant)}")
    return reasons


def _shares(evidence: QualityEvidence, policy: Quality) -> list[str]:
    reasons = []
    alpha = bonferroni(policy.alpha, max(len(evidence.nulls) + len(evidence.unseen) + 1, evidence.compared))
    misdated = exceeds_limit(evidence.misdated, evidence.rows, policy.max_misdated_share, alpha)
    if misdated == "exceeds":
        reasons.append(
            f"{evidence.misdated} of {evidence.rows} rows happened on another date; look at the clock and "
            "the time zone of the source"
        )
    for what, found, limit in (
        ("without value", evidence.nulls, policy.max_null_rise),
        ("with categories never seen", evidence.unseen, policy.max_unseen_share),
    ):
        broken = [
            f"{name} {share.count / share.rows:.1%} (usually {share.usual:.1%})"
            for name, share in sorted(found.items())
            if exceeds_limit(share.count, share.rows, min(share.usual + limit, 1.0), alpha) == "exceeds"
        ]
        if broken:
            reasons.append(f"{what}: {_named(broken)}")
    return reasons


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def quality_evidence(watched: Watched) -> QualityEvidence:
    """Look at the scored rows of a partition."""
    rows, reference = watched.rows, watched.reference.profile
    versions = set(watched.predictions["promotion_id"]) - {watched.champion.decision_id}
    foreign = watched.predictions[watched.predictions["promotion_id"].isin(versions)]
    standing = watched.workspace.lake.feature_set_versions(watched.use_case.name)
    features = standing.get(watched.champion.feature_set_version, {})
    kept = {name: found for name, found in reference.items() if name in watched.features.names}
    present = {name: found for name, found in kept.items() if name in rows}
    return QualityEvidence(
        rows=len(rows),
        repeated=len(watched.predictions) - len(watched.scored),
        unscored=max(0, features.get(watched.partition, 0) - len(rows)),
        foreign_version="" if foreign.empty else str(foreign["model_version"].iloc[0]),
        misdated=_misdated(rows, watched),
        gone=sorted(set(kept) - set(present)),
        constant=[name for name, found in present.items() if _constant(rows[name], found)],
        nulls={name: share for name, found in present.items() if (share := _nulls(rows[name], found)).count},
        unseen={
            name: share
            for name, found in present.items()
            if found["kind"] == "category" and (share := _unseen(rows[name], found)).count
        },
        compared=len(present),
    )


def _misdated(rows: pd.DataFrame, watched: Watched) -> int:
    import pandas as pd

    if "event_time" not in rows or rows.empty:
        return 0
    times = pd.to_datetime(rows["event_time"], utc=True).dt.tz_convert(watched.use_case.source.timezone)
    return int((times.dt.strftime("%Y-%m-%d") != watched.partition).sum())


def _constant(values: pd.Series, reference: dict[str, Any]) -> bool:
    """Tell whether a column took one value in at least thirty rows, which in the reference it hardly did."""
    if values.notna().sum() < _FEWEST_VARYING or values.nunique() > 1:
        return False
    if reference["kind"] == "category":
        counts = json.loads(reference["categories"] or "{}")
        return bool(counts) and max(counts.values()) < sum(counts.values()) * (1 - 1 / _FEWEST_VARYING)
    quantiles = np.array(json.loads(reference["quantiles"] or "[]"))
    if not len(quantiles):
        return False
    # Where one value is usual, such as no rain, a day of it is no news.
    usual = bool((quantiles == float(values.dropna().iloc[0])).any())
    return not usual or len(np.unique(quantiles)) > len(quantiles) / 2


def _nulls(values: pd.Series, reference: dict[str, Any]) -> ShareEvidence:
    usual = reference["nulls"] / reference["count"] if reference["count"] else 1.0
    return ShareEvidence(count=int(values.isna().sum()), rows=len(values), usual=round(usual, 6))


def _unseen(values: pd.Series, reference: dict[str, Any]) -> ShareEvidence:
    counts = json.loads(reference["categories"] or "{}")
    if OTHER in counts or not counts:  # the rare ones were not all kept, or there was none to know
        return ShareEvidence(count=0, rows=len(values))
    known = values.dropna().astype(str)
    return ShareEvidence(count=int((~known.isin(counts)).sum()), rows=len(values))
