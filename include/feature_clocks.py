"""Finding definitions that ask what day it is, before they are ever called.

Calling a definition twice shows a clock of seconds. One that is read to the day gives the same answer twice,
and another one tomorrow; it is found where the function's code names it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType

# As attributes of date, datetime, Timestamp and time; and as texts that pandas and numpy take for moments.
_CLOCKS = frozenset({"today", "now", "utcnow", "localtime", "gmtime", "time_ns", "perf_counter", "monotonic"})
_MOMENTS = frozenset({"today", "now"})
_READERS = frozenset({"to_datetime", "Timestamp", "datetime64", "DatetimeIndex", "date_range"})


def clocks_of(function: Callable[..., object]) -> list[str]:
    """Return the names of clocks that a function reads, or that functions of its own file read for it.

    Code of other files is not followed, and a clock under another name (`from time import time`) is left to
    the two calls that are compared.
    """
    return sorted(set(_clocks(inspect.unwrap(function), set())))


def _clocks(function: object, seen: set[object]) -> Iterator[str]:
    if not isinstance(function, FunctionType) or function in seen:
        return
    seen.add(function)
    for code in _codes(function.__code__):
        names = set(code.co_names)
        yield from names & _CLOCKS
        if names & _READERS:
            yield from (text for text in code.co_consts if isinstance(text, str) and text in _MOMENTS)
        for name in names:
            helper = function.__globals__.get(name)
            if isinstance(helper, FunctionType) and helper.__globals__ is function.__globals__:
                yield from _clocks(helper, seen)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a function's code and that of the functions, lambdas and comprehensions inside it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)
