"""Regular expressions that mean the same to Python and to RE2, which evaluates them on large batches."""

from __future__ import annotations

import re
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Annotated, Any

from pydantic import AfterValidator

_MOST_REPEATS = 1000  # RE2 takes no more
_PLAIN = {
    sre.LITERAL,
    sre.NOT_LITERAL,
    sre.ANY,
    sre.RANGE,
    sre.NEGATE,
    sre.CATEGORY,
    sre.IN,
    sre.BRANCH,
    sre.SUBPATTERN,
    sre.MAX_REPEAT,
    sre.MIN_REPEAT,
}
_SPACES = {sre.CATEGORY_SPACE, sre.CATEGORY_NOT_SPACE}


def _portable(pattern: str) -> str:
    try:
        parsed = sre_parser.parse(pattern, re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    if parsed.state.flags & ~(re.ASCII | re.UNICODE):
        raise ValueError(f"{pattern!r} sets a flag; write both cases, for example [Aa]")
    _check(pattern, parsed)
    return pattern


def _check(pattern: str, node: Any) -> None:
    """Walk the parsed pattern and refuse what the two readers take differently, or only one of them knows."""
    if isinstance(node, sre_parser.SubPattern):
        for operation, argument in node:
            _check_operation(pattern, operation, argument)
    elif isinstance(node, (list, tuple)):
        for part in node:
            if isinstance(part, tuple) and len(part) == 2 and part[0] in sre.OPCODES:  # noqa: PLR2004 -- a pair
                _check_operation(pattern, *part)
            else:
                _check(pattern, part)


def _check_operation(pattern: str, operation: Any, argument: Any) -> None:
    if operation not in _PLAIN:
        raise ValueError(
            f"{pattern!r} uses {str(operation).lower()}; the whole text is matched, and only characters, "
            "sets, groups, | and repeats mean the same on every size of batch"
        )
    if operation is sre.CATEGORY and argument in _SPACES:
        raise ValueError(rf"{pattern!r} uses \s, which has no one meaning; write the blank itself or [ \t]")
    if operation is sre.SUBPATTERN and (argument[1] or argument[2]):
        raise ValueError(f"{pattern!r} sets a flag; write both cases, for example [Aa]")
    if operation in {sre.MAX_REPEAT, sre.MIN_REPEAT}:
        low, high, _ = argument
        if low > _MOST_REPEATS or (high is not sre.MAXREPEAT and high > _MOST_REPEATS):
            raise ValueError(f"{pattern!r} repeats more than {_MOST_REPEATS} times; check lengths elsewhere")
    _check(pattern, argument)


Pattern = Annotated[str, AfterValidator(_portable)]
