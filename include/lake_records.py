"""What partitions were made from: the hashes that all their rows carry, read from the table's log alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from include.lake_names import FEATURE_SET_VERSION, PARTITION
from include.lake_outages import outages

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

    from include.lake import Lake

_HASHES = ("source_hash", "contract_hash", "content_hash")


class Record(NamedTuple):
    """The hashes of one partition; of rows that say different things, all of them."""

    source_hash: str
    contract_hash: str
    content_hash: str


def records(
    lake: Lake, use_case: str, table: str, *, feature_set_version: str | None = None
) -> dict[str, Record]:
    """Return the hashes of every partition of a table, of one feature set if asked, in order.

    The log names the smallest and the largest value of each file, which for these columns are the same. No
    data file is opened unless a file says different things, or the log says nothing.
    """
    delta = lake.find(use_case, table)
    if delta is None:
        return {}
    found = _logged(delta, feature_set_version)
    if found is None:
        with outages(lake.root):
            found = _read(lake, delta, feature_set_version)
    hashes: dict[str, list[tuple[str, ...]]] = {}
    for partition, *values in zip(*(found[name].to_pylist() for name in (PARTITION, *_HASHES)), strict=True):
        hashes.setdefault(str(partition), []).append(tuple(map(str, values)))
    return {
        partition: Record(*("|".join(sorted(set(values))) for values in zip(*rows, strict=True)))
        for partition, rows in sorted(hashes.items())
    }


def _logged(delta: DeltaTable, feature_set_version: str | None) -> pa.Table | None:
    """Return the hashes of each file as the log has them; None where it does not tell."""
    import pyarrow as pa
    import pyarrow.compute as pc

    log = pa.table(delta.get_add_actions(flatten=True))
    if feature_set_version is not None:
        named = f"partition.{FEATURE_SET_VERSION}"
        if named not in log.column_names:
            return None
        log = log.filter(pc.field(named) == feature_set_version)
    columns = {PARTITION: log["partition.partition"]}
    for name in _HASHES:
        bounds = [f"{bound}.{name}" for bound in ("min", "max")]
        if not set(bounds) <= set(log.column_names):
            return None
        low, high = (log[bound] for bound in bounds)
        if low.null_count or not pc.all(pc.equal(low, high), min_count=0).as_py():
            return None
        columns[name] = low
    return pa.table(columns)


def _read(lake: Lake, delta: DeltaTable, feature_set_version: str | None) -> pa.Table:
    import pyarrow.compute as pc

    known = [field.name for field in delta.schema().fields]
    condition = None
    if feature_set_version is not None:
        named = FEATURE_SET_VERSION in known
        condition = pc.field(FEATURE_SET_VERSION) == feature_set_version if named else pc.scalar(False)
    names = [PARTITION, *_HASHES]
    rows = lake.dataset(delta).to_table(columns=names, filter=condition)
    return rows.group_by(names).aggregate([])
