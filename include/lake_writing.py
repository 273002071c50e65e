"""Partitions on their way into a table: which of them change, and the one commit that replaces them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.errors import ConfigurationError
from include.hashing import hash_slices
from include.lake_names import FEATURE_SET_VERSION, PARTITION
from include.lake_rows import as_arrow
from include.partitions import parse

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from deltalake import DeltaTable

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # a version becomes part of a predicate and of a path
_COMMIT_ATTEMPTS = 16
TABLE_SETTINGS = {
    # Without checkpoints a reader replays the whole log, and each day would cost more than the day before.
    "delta.checkpointInterval": "8",
    # A training set is read again by its version; the log that names the version's files must not expire.
    "delta.logRetentionDuration": "interval 36500 days",
    # Statistics of all columns, not of the first 32 only: `value_counts` answers from them.
    "delta.dataSkippingNumIndexedCols": "-1",
}


@dataclass(frozen=True)
class Replacement:
    """Rows that take the place of what some partitions hold, of one feature set or of all.

    Attributes:
        rows: sorted by partition, with all columns but the hashes and `ingested_at`.
        sources: by partition, the hash of what its rows were made from. All that are replaced are named,
            those too that hold no rows any more.
        contents: by partition, the hash of its new rows; None when it has none.
    """

    rows: pd.DataFrame
    sources: Mapping[str, str]
    contents: Mapping[str, str | None]
    contract_hash: str
    feature_set_version: str | None = None
    ingested_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def of(
        cls, rows: pd.DataFrame, sources: Mapping[str, str], contract_hash: str, version: str | None
    ) -> Replacement:
        """Put rows in order and hash those of each partition, as if it were written alone.

        Raises:
            ConfigurationError: a key is no date, or a row's partition is not among those replaced.
        """
        for partition in sources:
            parse(partition)  # it becomes part of a predicate
        if stray := sorted(set(rows[PARTITION]) - set(sources)):
            raise ConfigurationError(f"Rows of {stray} are to be written, but not named in source_hashes")
        if version is not None:
            if not _NAME.fullmatch(version):
                raise ConfigurationError(
                    f"{version!r} is no version of a feature set; use letters and digits"
                )
            rows = rows.assign(**{FEATURE_SET_VERSION: version})
        rows = rows.sort_values(PARTITION, kind="stable", ignore_index=True)
        ends = rows[PARTITION].to_numpy().searchsorted
        slices = {day: slice(int(ends(day)), int(ends(day, "right"))) for day in sources}
        salts = {day: f"{source}{contract_hash}" for day, source in sources.items()}
        hashes = hash_slices(rows.drop(columns=PARTITION), slices, salts)
        contents = {day: hashes[day] if part.stop > part.start else None for day, part in slices.items()}
        return cls(rows, sources, contents, contract_hash, version)

    def without(self, held: Mapping[str, list[str]]) -> Replacement:
        """Leave out the partitions that hold these rows already."""
        changed = {
            day: content
            for day, content in self.contents.items()
            if held.get(day, []) != ([] if content is None else [content])
        }
        if len(changed) == len(self.contents):
            return self
        return Replacement(
            rows=self.rows[self.rows[PARTITION].isin(list(changed))],
            sources={day: self.sources[day] for day in changed},
            contents=changed,
            contract_hash=self.contract_hash,
            feature_set_version=self.feature_set_version,
            ingested_at=self.ingested_at,
        )

    def table(self, known: DeltaTable | None) -> pa.Table:
        """Return the rows with the audit columns, typed as the table has them."""
        days = self.rows[PARTITION]
        audited = self.rows.assign(
            source_hash=days.map(dict(self.sources)),
            contract_hash=self.contract_hash,
            content_hash=days.map(dict(self.contents)),
            ingested_at=self.ingested_at,
        )
        return as_arrow(audited, known)

    def predicate(self, known: DeltaTable | None) -> str:
        """Return the SQL condition on what is replaced."""
        named = ", ".join(f"'{day}'" for day in sorted(self.contents))
        chosen = f"partition IN ({named})" if len(self.contents) > 1 else f"partition = {named}"
        columns = [] if known is None else [field.name for field in known.schema().fields]
        if self.feature_set_version is None or (known is not None and FEATURE_SET_VERSION not in columns):
            return chosen
        same = f"{FEATURE_SET_VERSION} = '{self.feature_set_version}'"
        # Rows from before the table had the column belong to no set that anybody asks for.
        unnamed = "" if FEATURE_SET_VERSION in _layout(self, known) else f" OR {FEATURE_SET_VERSION} IS NULL"
        return f"{chosen} AND ({same}{unnamed})"


def commit(replacement: Replacement, known: DeltaTable | None, uri: str, options: dict[str, str]) -> None:
    """Replace partitions in one commit, in a table as it stands or in a new one.

    Raises:
        CommitFailedError: another writer has changed the same partitions since `known` was opened.
    """
    from deltalake import CommitProperties, write_deltalake

    new = known is None
    write_deltalake(
        known or uri,
        replacement.table(known),
        mode="overwrite",
        predicate=replacement.predicate(known),
        partition_by=_layout(replacement, known),
        schema_mode="merge",
        configuration=TABLE_SETTINGS if new else None,
        storage_options=options if new else None,
        # The library's own retry of a lost race for version 0 replaces nothing: it adds these rows to the
        # winner's. Failing at once leads back to `find`, which then sees the winner's table.
        commit_properties=CommitProperties(max_commit_retries=0) if new else None,
    )


def _layout(replacement: Replacement, known: DeltaTable | None) -> list[str]:
    """Return the columns whose values have files of their own: feature sets never share one."""
    if known is not None:
        layout = list(known.metadata().partition_columns)
        if missing := sorted(set(layout) - set(replacement.rows.columns)):
            raise ConfigurationError(
                f"Table {known.table_uri} is laid out by {layout}, and the rows have no {missing}; "
                "name the version of their feature set"
            )
        return layout
    named = FEATURE_SET_VERSION in replacement.rows
    return [PARTITION, FEATURE_SET_VERSION] if named else [PARTITION]


def until_committed(attempt: Callable[[], int]) -> int:
    """Try again while another writer wins the race for a version; its commit is read before each attempt."""
    from deltalake.exceptions import CommitFailedError
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

    attempts = Retrying(
        retry=retry_if_exception_type(CommitFailedError),
        stop=stop_after_attempt(_COMMIT_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        reraise=True,
    )
    return attempts(attempt)
