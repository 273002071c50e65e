"""A function of the use case's own, called with the partition."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.errors import AirlockError, BatchUnreadable, Outage, UseCaseError
from include.ingestion.sources.conversion import Conversion, check_columns, check_types
from include.ingestion.sources.objects import object_batch
from include.ingestion.sources.text_lines import Budget
from include.use_case_sections import PythonFunction

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 65_536


def read_function(
    source: PythonFunction,
    partition: str,
    folder: Path,
    conversion: Conversion,
    budget: Budget,
    *,
    max_columns: int,
) -> Iterator[pa.RecordBatch]:
    """Yield what the function returns or yields for a partition.

    Args:
        source: names the function.
        partition: its only argument.
        folder: of the use case, where its module lies.
        conversion: to the contract's types.
        budget: how much it may give.
        max_columns: of a frame.

    Raises:
        UseCaseError: there is no such function.
        Outage: it failed with an error of the operating system or the network.
        BatchUnreadable: it failed otherwise, or gave something else than frames.
    """
    function = load_function(source.function, folder)
    place = 0
    for frame in _frames(function, partition, source.function):
        if isinstance(frame, list):
            parts = _of_dictionaries(frame, place, source, conversion, max_columns)
        else:
            parts = _of_arrow(frame, place, source.function, conversion, max_columns)
        if parts is None:
            return
        for part in parts:
            budget.spend(part.nbytes, source.function)
            place += len(part)
            yield part


def load_function(name: str, folder: Path) -> Callable[[str], Any]:
    """Return the function `module:function` of a use case's own folder.

    Raises:
        UseCaseError: the module or the function is missing, or the module fails.
    """
    module_name, _, function_name = name.partition(":")
    path = folder / f"{module_name}.py"
    if not path.is_file():
        raise UseCaseError(f"{path} is missing; source.function {name!r} names it")
    unique = f"airlock_source_{folder.name}_{module_name}_{abs(hash(path))}"
    spec = importlib.util.spec_from_file_location(unique, path)
    if spec is None or spec.loader is None:
        raise UseCaseError(f"{path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UseCaseError(f"{path} fails when it is read: {type(error).__name__}: {error}") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise UseCaseError(f"{path} has no function {function_name!r}; source.function names it")
    found: Callable[[str], Any] = function
    return found


def _frames(function: Callable[[str], Any], partition: str, name: str) -> Iterator[Any]:
    try:
        found = function(partition)
        if isinstance(found, Iterable) and not _is_frame(found):
            yield from found
        else:
            yield found
    except AirlockError:
        raise
    except OSError as error:
        raise Outage(f"{name} failed for {partition}: {type(error).__name__}: {error}") from error
    except Exception as error:
        raise BatchUnreadable(f"{name} failed for {partition}: {type(error).__name__}: {error}") from error


def _is_frame(value: Any) -> bool:
    import pandas as pd
    import pyarrow as pa

    return isinstance(value, pd.DataFrame | pa.Table | pa.RecordBatch | list | dict | str | bytes)


def _of_arrow(
    frame: Any, place: int, name: str, conversion: Conversion, max_columns: int
) -> list[pa.RecordBatch] | None:
    """Return the batches of a frame; None when its columns are not those of the contract."""
    import pandas as pd
    import pyarrow as pa

    try:
        if isinstance(frame, pd.DataFrame):
            frame = pa.Table.from_pandas(frame, preserve_index=False)
        if isinstance(frame, pa.RecordBatch):
            frame = pa.Table.from_batches([frame])
    except (pa.ArrowException, ValueError) as error:
        raise BatchUnreadable(f"{name} gave a frame of mixed types: {error}") from error
    if not isinstance(frame, pa.Table):
        raise BatchUnreadable(
            f"{name} gave {type(frame).__name__}; return or yield data frames, Arrow tables or lists of "
            "dictionaries"
        )
    if not check_columns(frame.column_names, conversion.doubts, max_columns=max_columns):
        return None
    if not check_types(frame.schema, conversion.doubts):
        return None
    parts = []
    for batch in frame.combine_chunks().to_batches(max_chunksize=_ROWS):
        parts.append(conversion.batch(batch, range(place + 1, place + 1 + len(batch))))
        place += len(batch)
    return parts


def _of_dictionaries(
    frame: list[Any], place: int, source: PythonFunction, conversion: Conversion, max_columns: int
) -> list[pa.RecordBatch] | None:
    if not frame:
        return []
    if not all(isinstance(row, dict) for row in frame):
        raise BatchUnreadable(f"{source.function} gave a list of other things than dictionaries")
    names = list(dict.fromkeys(str(key) for row in frame for key in row))
    if not check_columns(names, conversion.doubts, max_columns=max_columns):
        return None
    columns = {name: [_plain(row.get(name)) for row in frame] for name in conversion.contract.columns}
    return [object_batch(columns, range(place + 1, place + 1 + len(frame)), source, conversion)]


def _plain(value: Any) -> Any:
    """Return a value of pandas or NumPy as Python's own."""
    import numpy as np
    import pandas as pd

    if value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime(warn=False)
    return value.item() if isinstance(value, np.generic) else value
