"""From a raw file forward: the partitions that hold it, the models that learned from it, what they scored."""

from __future__ import annotations

from include import partitions
from include.decisions import Decision, Verdict
from include.errors import ConfigurationError, NotFound, Outage
from include.lake import SIDE_TABLE_PREFIX
from include.lineage.aside import SetAside, set_aside
from include.lineage.facts import (
    BATCH,
    INGESTION,
    Fact,
    RawFile,
    landed_files,
    raw_file,
    rows_of,
    source_hash,
)
from include.lineage.reach import side_reach, window_days
from include.lineage.runs import Run, find_runs
from include.lineage.terms import Term, champion_terms
from include.quarantine import RELEASE
from include.workspace import Workspace

_MIN_DIGITS = 8


class Appearance(Fact):
    """One verdict on the file.

    Attributes:
        published: whether the lake holds its rows now.
        feeds: partitions whose features look into it.
        remembered_by: later partitions that were built and whose features of history count its rows.
        set_aside: rows of the file that broke a rule of severity `quarantine`.
    """

    decision_id: str
    verdict: Verdict
    reasons: list[str]
    use_case: str
    partition: str
    published: bool
    feeds: list[str]
    remembered_by: list[str]
    file: RawFile
    set_aside: list[SetAside]


class FedPartition(Fact):
    """A partition with rows of the file: in its batch, or in a side table that its features look into."""

    use_case: str
    partition: str
    feature_rows: int
    scored_rows: int
    model_version: str


class ModelUse(Fact):
    """A training run that used partitions with rows of the file.

    Attributes:
        released_later: releases of rows of the file that the run had not seen yet.
    """

    use_case: str
    run_id: str
    as_of: str
    reason: str
    train: list[str]
    holdout: list[str]
    terms: list[Term]
    scored_partitions: list[str]
    released_later: list[str]


class Follower(Fact):
    """The way forward."""

    sha256: str
    appearances: list[Appearance]
    partitions: list[FedPartition]
    models: list[ModelUse]
    notes: list[str]


def follow(workspace: Workspace, sha256: str, *, use_case: str | None = None) -> Follower:
    """Follow a raw file forward.

    Args:
        workspace: where to look.
        sha256: its hash, or an unambiguous beginning of at least eight digits.
        use_case: look into this one only.

    Raises:
        NotFound: no decision is about such a file.
        Outage: the ledger or the lake does not answer.
    """
    decisions = workspace.ledger.find(use_case=use_case, gate=INGESTION)
    full = _full_hash(sha256, decisions)
    appearances = [
        _appearance(workspace, decision, file)
        for decision in decisions
        for file in landed_files(decision)
        if file["sha256"] == full
    ]
    notes: list[str] = []
    models: list[ModelUse] = []
    for name in sorted({seen.use_case for seen in appearances if seen.verdict.opens}):
        try:
            models += _models(workspace, name, [seen for seen in appearances if seen.use_case == name])
        except Outage as error:
            notes.append(f"the models of {name} are not shown: {error}")
    return Follower(
        sha256=full,
        appearances=appearances,
        partitions=_fed(workspace, appearances),
        models=models,
        notes=notes,
    )


def _full_hash(beginning: str, decisions: list[Decision]) -> str:
    if len(beginning) < _MIN_DIGITS:
        raise ConfigurationError(
            f"{beginning!r} is too short for a hash; give at least {_MIN_DIGITS} digits of it"
        )
    known: set[str] = {file["sha256"] for decision in decisions for file in landed_files(decision)}
    found = sorted(hash_ for hash_ in known if hash_.startswith(beginning.lower()))
    if len(found) != 1:
        what = "no file" if not found else f"{len(found)} files"
        raise NotFound(
            f"The ledger knows {what} whose SHA-256 begins with {beginning!r}; compute it with sha256sum, or "
            "see the files of a date with: ./airlock lineage USE_CASE DATE"
        )
    return found[0]


def _appearance(workspace: Workspace, decision: Decision, file: dict[str, object]) -> Appearance:
    partition = str(decision.partition)
    table = _lake_table(str(file["table"]))
    rows = rows_of(workspace.lake, decision.use_case, table, partition)
    made_from = source_hash(decision, str(file["table"]))
    return Appearance(
        decision_id=decision.id,
        verdict=decision.verdict,
        reasons=decision.reasons,
        use_case=decision.use_case,
        partition=partition,
        published=rows is not None and rows.source_hash == made_from,
        feeds=fed_days(workspace, decision.use_case, partition, str(file["table"])),
        remembered_by=_remembered_by(workspace, decision.use_case, partition, str(file["table"])),
        file=raw_file(workspace.raw, decision.use_case, partition, file),
        set_aside=[
            found
            for found in set_aside(workspace.lake, decision.use_case, partition)
            if (found.table, found.file_hash) == (file["table"], made_from)
        ],
    )


def _lake_table(table: str) -> str:
    return "batches" if table == BATCH else f"{SIDE_TABLE_PREFIX}{table}"


def fed_days(workspace: Workspace, use_case: str, day: str, table: str) -> list[str]:
    """Return the partitions whose features a file feeds. Later ones may look back into a side table."""
    ahead = 0 if table == BATCH else side_reach(workspace, use_case).get(table, 0)
    return partitions.span(day, partitions.shift(day, ahead))


def _remembered_by(workspace: Workspace, use_case: str, day: str, table: str) -> list[str]:
    last = partitions.shift(day, window_days(workspace, use_case) if table == BATCH else 0)
    return [built for built in workspace.lake.partitions(use_case, "features") if day < built <= last]


def _fed(workspace: Workspace, appearances: list[Appearance]) -> list[FedPartition]:
    lake = workspace.lake
    reached = {(seen.use_case, day) for seen in appearances if seen.published for day in seen.feeds}
    found: list[FedPartition] = []
    standing = {use_case: lake.feature_set_versions(use_case) for use_case, _ in reached}
    for use_case, day in sorted(reached):
        # Feature sets side by side hold the same rows.
        built = max((days.get(day, 0) for days in standing[use_case].values()), default=0)
        scored = rows_of(lake, use_case, "predictions", day, "model_version")
        found.append(
            FedPartition(
                use_case=use_case,
                partition=day,
                feature_rows=built,
                scored_rows=scored.rows if scored else 0,
                model_version=scored.named["model_version"] if scored else "",
            )
        )
    return found


def _models(workspace: Workspace, use_case: str, appearances: list[Appearance]) -> list[ModelUse]:
    history = workspace.ledger.find(use_case=use_case)
    terms = champion_terms(workspace.ledger, use_case)
    scored = workspace.lake.partitions(use_case, "predictions")
    found: list[ModelUse] = []
    releases = {decision.id for decision in history if decision.gate == RELEASE and decision.verdict.opens}
    ours = {by for seen in appearances for aside in seen.set_aside for by in aside.decisions} & releases
    for run in find_runs(workspace, use_case):
        before = recorded_before(history, run.decision_id)
        days = sorted({day for seen in appearances if _in_force(before, seen) for day in seen.feeds})
        roles = {day: role for day in days if (role := run.role_of(day))}
        if roles:
            later = sorted(ours - {decision.id for decision in before})
            found.append(
                _use(use_case, run, roles, terms, scored).model_copy(update={"released_later": later})
            )
    return found


def recorded_before(history: list[Decision], decision_id: str) -> list[Decision]:
    """Return the decisions older than one, newest first; none when the ledger does not hold it."""
    places = [place for place, decision in enumerate(history) if decision.id == decision_id]
    return history[places[0] + 1 :] if places else []


def _in_force(before: list[Decision], appearance: Appearance) -> bool:
    """Tell whether the partition held this very file then, and not an earlier or later delivery."""
    newest = next(
        (
            decision
            for decision in before
            if decision.gate == INGESTION
            and decision.partition == appearance.partition
            and decision.verdict.opens
        ),
        None,
    )
    return newest is not None and any(
        (file["table"], file["sha256"]) == (appearance.file.table, appearance.file.sha256)
        for file in landed_files(newest)
    )


def _use(use_case: str, run: Run, roles: dict[str, str], terms: list[Term], scored: list[str]) -> ModelUse:
    own = [term for term in terms if term.run_id == run.run_id]
    return ModelUse(
        use_case=use_case,
        run_id=run.run_id,
        as_of=run.as_of,
        reason=run.reason,
        train=[day for day, role in roles.items() if role == "train"],
        holdout=[day for day, role in roles.items() if role == "holdout"],
        terms=own,
        scored_partitions=[day for day in scored if any(term.covers(day) for term in own)],
        released_later=[],
    )
