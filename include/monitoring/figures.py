"""The figures of a partition, one a row of the table `metrics`: `name`, `subject`, `value`."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from include import partitions
from include.lake import TableRef
from include.monitoring.explanation import score_shift

if TYPE_CHECKING:
    from include.decisions import Decision
    from include.monitoring.watched import Watched

_SYSTEM = "system."
_PERFORMANCE = "performance."
_KILOBYTES = 1024
Figure = tuple[str, str, float]


def publish_figures(
    watched: Watched,
    verdicts: Mapping[str, Decision],
    settled: Mapping[str, Decision],
    *,
    started: float,
) -> TableRef:
    """Write the figures of the partition, and anew the performance of an earlier one whose labels came.

    Seconds and memory tell of the machine, so they are no evidence; a run that finds everything else as it
    was leaves those of the run before.

    Args:
        watched: the partition.
        verdicts: on it, by gate.
        settled: how partitions turned out, by partition.
        started: `time.monotonic()` at the start of the watch.
    """
    figures = [
        *_prediction_figures(watched),
        *_drift_figures(verdicts["drift"], watched.raw_drift),
        *_concept_figures(verdicts["concept"]),
        *_estimated_figures(verdicts["performance"]),
    ]
    for day, decision in settled.items():
        if day != watched.partition:
            _revise(watched, day, _outcome_figures(decision))
    if watched.partition in settled:
        figures += _outcome_figures(settled[watched.partition])
    return _write(watched, watched.partition, sorted(figures), _system_figures(watched, started))


def _prediction_figures(watched: Watched) -> list[Figure]:
    scores, shift = watched.scored["score"], score_shift(watched)
    found = [
        ("predictions.rows", "", float(len(scores))),
        ("predictions.mean", "", float(scores.mean())),
    ]
    return found if shift is None else [*found, ("predictions.shift", "", shift)]


def _drift_figures(drifted: Decision, raw: Mapping[str, Any]) -> list[Figure]:
    evidence = drifted.evidence
    found = [("drift.surprise", name, moved["surprise"]) for name, moved in evidence["columns"].items()]
    found += [("drift.distance", name, moved["distance"]) for name, moved in evidence["columns"].items()]
    if evidence["magnitude"] is not None:
        found.append(("drift.magnitude", "", evidence["magnitude"]))
        found.append(("drift.p_value", "", evidence["p_value"]))
    if evidence["samples"] is not None:
        found.append(("drift.samples_p_value", "", evidence["samples"]["p_value"]))
    found += [
        (f"raw_drift.{name}", "", raw[name]) for name in ("magnitude", "p_value") if raw.get(name) is not None
    ]
    return found


def _concept_figures(concept: Decision) -> list[Figure]:
    evidence = concept.evidence
    live = list(evidence["live"].values())
    found = {
        "concept.standardised_loss": sum(live) / len(live) if live else None,
        "concept.calibration_error": evidence["calibration_error"],
    }
    return [(name, "", value) for name, value in found.items() if value is not None]


def _estimated_figures(performed: Decision) -> list[Figure]:
    return [
        (f"estimated.{found['metric']}{part}", "", float(found[key]))
        for found in performed.evidence["estimated"]
        for part, key in (("", "value"), (".lower", "lower"), (".upper", "upper"), (".useful", "useful"))
    ]


def _outcome_figures(outcome: Decision) -> list[Figure]:
    evidence = outcome.evidence
    if not evidence["labelled"]:
        return []
    found: list[Figure] = [(f"{_PERFORMANCE}rows", "", float(evidence["labelled"]))]
    found += [(f"{_PERFORMANCE}{name}", "", value) for name, value in evidence["metrics"].items()]
    found += [(f"{_PERFORMANCE}loss", name, part["loss"]) for name, part in evidence["slices"].items()]
    found.append((f"{_PERFORMANCE}loss", "", evidence["loss"]))
    if evidence["calibration_error"] is not None:
        found.append((f"{_PERFORMANCE}calibration_error", "", evidence["calibration_error"]))
    return found


def _system_figures(watched: Watched, started: float) -> list[Figure]:
    return [
        (f"{_SYSTEM}rows", "", float(len(watched.predictions))),
        (f"{_SYSTEM}seconds", "", round(time.monotonic() - started, 3)),
        (
            f"{_SYSTEM}peak_megabytes",
            "",
            round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KILOBYTES, 1),
        ),
    ]


def _present(watched: Watched, partition: str) -> pd.DataFrame:
    lake, name = watched.workspace.lake, watched.use_case.name
    columns = ["name", "subject", "value", "known_at"]
    if lake.version(name, "metrics") < 0:
        return pd.DataFrame(columns=columns)
    return lake.read(name, "metrics", partitions=[partition], columns=columns)


def _revise(watched: Watched, day: str, figures: list[Figure]) -> None:
    """Replace the performance of an earlier partition, and leave its other figures."""
    present = _present(watched, day)
    kept = present[~present["name"].str.startswith(_PERFORMANCE)]
    parts = [part for part in (kept, _frame(figures, watched.partition)) if len(part)]
    if parts:
        _put(watched, day, pd.concat(parts, ignore_index=True), watched.as_of)


def _write(watched: Watched, partition: str, figures: list[Figure], system: list[Figure]) -> TableRef:
    present, found = _present(watched, partition), _frame(figures, partition)
    of_machine = present["name"].astype(str).str.startswith(_SYSTEM)
    columns = ["name", "subject", "value"]
    before = present[~of_machine].sort_values(columns, ignore_index=True)[columns]
    same = before.astype({"value": "float64"}).equals(found.sort_values(columns, ignore_index=True)[columns])
    kept = present[of_machine] if same else _frame(system, partition)
    source = str(watched.predictions["content_hash"].iloc[0])
    return _put(watched, partition, pd.concat([found, kept], ignore_index=True), source)


def _frame(figures: list[Figure], partition: str) -> pd.DataFrame:
    rows = pd.DataFrame(figures, columns=["name", "subject", "value"]).astype({"value": "float64"})
    return rows.assign(known_at=partitions.available_at(partition))


def _put(watched: Watched, partition: str, rows: pd.DataFrame, source: str) -> TableRef:
    return watched.workspace.lake.write_partition(
        watched.use_case.name,
        "metrics",
        partition,
        rows.sort_values(["name", "subject"], kind="stable", ignore_index=True),
        source_hash=source,
        contract_hash=watched.use_case.hash,
    )
