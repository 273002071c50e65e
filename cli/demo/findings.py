"""What the ledger and the lake say about a replay, and whether it went as it should."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from cli.demo.calendar import BLIZZARD, Week
from include.champions import champion_at, newest_champion
from include.decisions import Decision
from include.errors import LedgerCorrupted
from include.registry import CHAMPION
from include.use_case import UseCase
from include.workspace import Workspace


@dataclass(frozen=True)
class Findings:
    """The outcome of a replay.

    Attributes:
        ingested: newest ingestion decision by partition.
        trainings: for each as-of, the decisions of its gates in the order they were taken.
        marked: partitions that drift or performance marked, by gate.
        orders: trainings that monitoring ordered.
        auc: row-weighted AUC of the champion by week's last day; missing before the first champion.
        problems: what did not go as it should; empty when all went well.
    """

    ingested: dict[str, Decision]
    trainings: dict[str, list[Decision]]
    marked: dict[str, list[str]]
    orders: list[Decision]
    auc: dict[str, float]
    problems: list[str]


def find(use_case: UseCase, weeks: list[Week], workspace: Workspace) -> Findings:
    """Read the outcome of a replay."""
    ledger, name = workspace.ledger, use_case.name
    ingested = ledger.newest_by_partition(name, "ingestion")
    trainings: dict[str, list[Decision]] = {}
    for decision in reversed(ledger.find(use_case=name)):
        if decision.gate in {"training", "evaluation", "promotion"}:
            trainings.setdefault(decision.as_of, []).append(decision)
    marked = {
        gate: [
            day
            for day, found in ledger.newest_by_partition(name, gate).items()
            if found.verdict.value == "warn"
        ]
        for gate in ("drift", "performance")
    }
    orders = [
        found for found in ledger.newest_by_partition(name, "retraining").values() if found.verdict.opens
    ]
    return Findings(
        ingested=ingested,
        trainings=trainings,
        marked=marked,
        orders=orders,
        auc=_auc_by_week(name, weeks, workspace),
        problems=[
            *_unexpected(weeks, ingested, trainings, orders),
            *_missing_rows(name, weeks, ingested, workspace),
            *_unsound_records(name, workspace),
        ],
    )


def _auc_by_week(name: str, weeks: list[Week], workspace: Workspace) -> dict[str, float]:
    if workspace.lake.find(name, "metrics") is None:
        return {}
    found = workspace.lake.read(name, "metrics")
    daily = found[found["name"].isin(["performance.roc_auc", "performance.rows"])]
    daily = daily.pivot_table(index="partition", columns="name", values="value").dropna()
    by_week: dict[str, float] = {}
    for week in weeks:
        days = daily[daily.index.isin(week.days)]
        if len(days):
            weighted = (days["performance.roc_auc"] * days["performance.rows"]).sum()
            by_week[week.days[-1]] = float(weighted / days["performance.rows"].sum())
    return by_week


def _unexpected(
    weeks: list[Week],
    ingested: dict[str, Decision],
    trainings: dict[str, list[Decision]],
    orders: list[Decision],
) -> list[str]:
    days = [day for week in weeks for day in week.days]
    refused = {day for day, decision in ingested.items() if not decision.verdict.opens}
    expected = BLIZZARD & set(days)
    problems = [f"{day}: no ingestion decision" for day in days if day not in ingested]
    problems += [f"{day}: refused, though nothing is known to be wrong" for day in sorted(refused - expected)]
    problems += [f"{day}: the blizzard was let in" for day in sorted(expected - refused) if day in ingested]
    problems += [f"no training as of {week.as_of}" for week in weeks if week.as_of not in trainings]
    if any(week.drill for week in weeks) and not orders:
        problems.append("monitoring ordered no training, though the drill moved the whole timetable")
    return problems


def _missing_rows(
    name: str, weeks: list[Week], ingested: dict[str, Decision], workspace: Workspace
) -> list[str]:
    """Name every accepted day that a later stage lost."""
    lake = workspace.lake
    present = {table: set(lake.partitions(name, table)) for table in ("features", "predictions", "metrics")}
    days = [day for week in weeks for day in week.days]
    accepted = [day for day in days if day in ingested and ingested[day].verdict.opens]
    problems = [
        f"{day}: accepted, but without features" for day in accepted if day not in present["features"]
    ]
    for day in accepted:
        if champion_at(workspace.ledger, name, day) is not None:
            problems += [
                f"{day}: there was a champion, but no {table}"
                for table in ("predictions", "metrics")
                if day not in present[table]
            ]
    return problems


def _unsound_records(name: str, workspace: Workspace) -> list[str]:
    try:
        workspace.ledger.verify()
    except LedgerCorrupted as error:
        return [str(error)]
    champion = newest_champion(workspace.ledger, name)
    alias = workspace.registry.alias_version(name, CHAMPION)
    if alias != (champion.version if champion else None):
        return [f"MLflow's champion is {alias}, the ledger's is {champion.version if champion else None}"]
    return []


def verdicts(decisions: list[Decision]) -> Counter[str]:
    """Count decisions by verdict."""
    return Counter(decision.verdict.value for decision in decisions)
