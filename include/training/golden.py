"""Golden inputs: rows that a use case keeps beside its YAML, and that every model of it is asked.

`golden.json` is a list of objects, one a row, with a value for each feature; a feature that is left out is
missing. What the model answered when it was trained is kept with it, and whoever loads it must get the same.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from include.errors import UseCaseError

if TYPE_CHECKING:
    import pandas as pd

    from include.training.fitting import Recipe

FILE_NAME = "golden.json"
_NO_TEXT: Any = None


def golden_rows(recipe: Recipe) -> pd.DataFrame | None:
    """Return the golden inputs as the model takes them, or None where the use case has none.

    Raises:
        UseCaseError: the file is no list of rows, or names something that is no feature.
    """
    import pandas as pd

    path = recipe.folder / FILE_NAME if recipe.folder else None
    if path is None or not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UseCaseError(f"{path} is not readable as JSON: {error}") from error
    if not isinstance(content, list) or not content or not all(isinstance(row, dict) for row in content):
        raise UseCaseError(f"{path} must hold a list of objects, one a row: [{{feature: value, ...}}, ...]")
    if unknown := sorted({name for row in content for name in row} - set(recipe.names)):
        raise UseCaseError(f"{path} names {unknown}, which are no features; there are {recipe.names}")
    rows = pd.DataFrame(content).reindex(columns=recipe.names)
    for name in recipe.names:
        if name not in recipe.numbers:
            rows[name] = rows[name].astype(object).mask(rows[name].isna(), _NO_TEXT)
            continue
        try:
            rows[name] = pd.to_numeric(rows[name]).astype("float64")
        except (TypeError, ValueError) as error:
            raise UseCaseError(f"{path} gives no number for feature {name}: {error}") from error
    return rows
