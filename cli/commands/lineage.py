"""`./airlock lineage`: from a prediction back to its raw files, and from a raw file forward."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.commands.options import examples, json_option, open_workspace, partition_key
from cli.commands.output import (
    labelled,
    note,
    print_facts,
    print_heading,
    print_json,
    print_table,
    styled,
    waiting,
)

if TYPE_CHECKING:
    from include.decisions import Decision
    from include.lineage import Follower, ModelUse, Row, SetAside, Trace

_Facts = list[tuple[str, object]]


@click.command(
    epilog=examples(
        "./airlock lineage flights 2013-02-11",
        './airlock lineage flights 2013-02-11 --row "2013|2|11|WN|530|LGA"',
        "./airlock lineage --file $(sha256sum 2013-01-30.parquet | cut -c-64)",
        "./airlock lineage flights 2013-02-11 --json | jq -r '.files[].address'",
    ),
)
@click.argument("use_case", required=False, metavar="[USE_CASE]")
@click.argument("partition", required=False, metavar="[DATE]", callback=partition_key)
@click.option("--row", "row_key", metavar="ROW_KEY", help="One row: its score, label and features too.")
@click.option(
    "--file", "sha256", metavar="SHA256", help="Go forward from a raw file, by its hash or 8+ digits of it."
)
@json_option
@click.pass_context
def lineage(
    ctx: click.Context,
    *,
    use_case: str | None,
    partition: str | None,
    row_key: str | None,
    sha256: str | None,
    as_json: bool,
) -> None:
    """Trace a prediction to its raw files, or a file forward.

    Backward, from a data date: the champion that scored it, the promotion and who asked for it, the
    evaluation, the training run and its training set, the features, the batch, the decision that let
    it in, and the raw files. Each link is compared by the hashes that both ends name and the raw
    files are hashed again: exit code 1 when one does not hold. Forward, from the hash of a raw file:
    the partitions that hold it, the models that learned from them, and the dates that those decide on.
    """
    from include.lineage import follow, trace

    workspace = open_workspace()
    if sha256 is not None:
        if partition is not None or row_key is not None:
            raise click.UsageError("--file goes forward from a file; leave out the date and --row")
        with waiting("following the file forward"):
            follower = follow(workspace, sha256, use_case=use_case)
        print_json(follower) if as_json else _print_follower(follower)
        return
    if use_case is None or partition is None:
        raise click.UsageError(
            "Name a use case and a date, such as flights 2013-02-11, or give --file SHA256"
        )
    with waiting("following the hashes back"):
        found = trace(workspace, use_case, partition, row_key=row_key)
    print_json(found) if as_json else _print_trace(found)
    if found.broken:
        ctx.exit(1)


def _print_trace(found: Trace) -> None:
    print_heading(f"{found.use_case} {found.partition}" + (f", row {found.row.row_key}" if found.row else ""))
    facts: _Facts = [*(_row_facts(found.row) if found.row else []), *_model_facts(found), *_data_facts(found)]
    print_facts(facts)
    for text in found.notes:
        print_facts([("note", text)])
    for text in found.broken:
        print_facts([("BROKEN", styled(text, "bold red"))])


def _row_facts(row: Row) -> _Facts:
    score = "none" if row.score is None else f"{row.score:.6f}"
    return [
        ("score", f"{score}; event {row.event_time}; label {'unknown' if row.label is None else row.label}"),
        *labelled("values", [f"{name} = {_short(value)}" for name, value in row.features.items()]),
    ]


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _model_facts(found: Trace) -> _Facts:
    facts: _Facts = []
    if found.predictions:
        facts += [("predictions", f"{found.predictions.rows} rows"), ("", found.predictions.content_hash)]
    if found.promotion:
        evidence = found.promotion.evidence
        facts += [
            (
                "champion",
                f"version {evidence['version']}, as of {evidence['as_of']}, run {evidence['run_id']}",
            ),
            ("", evidence["model"]["sha256"]),
        ]
    facts += _decided(found.promotion.gate if found.promotion else "", found.promotion)
    facts += _decided("evaluation", found.evaluation)
    facts += _decided("training", found.training)
    if found.run:
        facts += [
            ("run", f"{found.run.status}, reason: {found.run.reason}, code {found.run.code_version}"),
            ("", f"trained on {found.run.train}, held out {found.run.holdout}"),
            *labelled("", found.run.training_set.split()),
        ]
        if found.run.missing:
            facts.append(("", f"without {', '.join(found.run.missing)}"))
    return facts


def _data_facts(found: Trace) -> _Facts:
    facts: _Facts = []
    if found.features:
        version = found.features.named["feature_set_version"]
        facts.append(("features", f"version {version}, {found.features.rows} rows"))
        facts.append(("", found.features.content_hash))
    facts += _decided("", found.features_decision)
    if found.batch:
        facts.append(("batch", f"{found.batch.rows} rows"))
        facts.append(("", found.batch.content_hash))
    facts += _decided("ingestion", found.ingestion)
    facts += _aside_facts(found.set_aside)
    for decision in found.settled:
        facts += _decided(decision.gate, decision)
    for file in found.files:
        facts += [
            ("raw file", f"{file.table} {file.partition}, {file.size} bytes, {file.state}"),
            ("", f"landed as {file.source}"),
        ]
        if file.sha256:
            facts += [("", f"kept as {file.address}"), ("", file.sha256)]
    return facts


def _aside_facts(found: list[SetAside]) -> _Facts:
    return labelled(
        "set aside",
        [
            f"{aside.table} {aside.partition}: {aside.held} held, {aside.released} released, "
            f"{aside.discarded} discarded ({', '.join(aside.rules)})"
            for aside in found
        ],
    )


def _decided(label: str, decision: Decision | None) -> _Facts:
    if decision is None:
        return []
    return labelled(
        label,
        [f"{decision.verdict.value} by {decision.actor}, decision {decision.id}", *decision.reasons],
    )


def _print_follower(found: Follower) -> None:
    print_heading(f"raw file {found.sha256}")
    for seen in found.appearances:
        held = "the lake holds its rows" if seen.published else "the lake does not hold its rows"
        print_facts(
            [
                ("seen as", f"{seen.use_case} {seen.file.table} {seen.partition}; {held}"),
                ("verdict", f"{seen.verdict.value}, decision {seen.decision_id}"),
                *labelled("", seen.reasons),
                ("file", f"{seen.file.address} ({seen.file.state})"),
                *_memory_facts(seen.remembered_by),
                *_aside_facts(seen.set_aside),
            ]
        )
    if found.partitions:
        columns = ("use case", "partition", "feature rows", "scored rows", "by version")
        rows = [
            (fed.use_case, fed.partition, fed.feature_rows, fed.scored_rows, fed.model_version or "-")
            for fed in found.partitions
        ]
        print_table(columns, rows, whole=("use case", "partition"))
    for use in found.models:
        print_facts([("model", f"run {use.run_id}, as of {use.as_of} ({use.reason})"), *_use_facts(use)])
    if not found.models and not found.notes:
        note("No model learned from it.")
    for text in found.notes:
        print_facts([("note", text)])


def _memory_facts(days: list[str]) -> _Facts:
    if not days:
        return []
    return [("history", f"features of {len(days)} later partitions count its rows, {days[0]}..{days[-1]}")]


def _use_facts(use: ModelUse) -> _Facts:
    facts: _Facts = []
    if use.train:
        facts.append(("", f"trained on {', '.join(use.train)}"))
    if use.holdout:
        facts.append(("", f"evaluated on {', '.join(use.holdout)}"))
    for term in use.terms:
        reach = f"{term.effective_from}..{term.until or ''}" if term.decides else "no date"
        facts.append(("", f"champion as version {term.version}, decides on {reach}"))
    days = use.scored_partitions
    if days:
        facts.append(("", f"scored {len(days)} partitions, {days[0]}..{days[-1]}"))
    facts = facts or [("", "never a champion")]
    return facts + [("", f"without the rows of release {release}") for release in use.released_later]
