"""Which errors of MLflow mean that it does not answer, so that a retry may help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from include.errors import Outage

_OUTAGE_CODES = {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE"}


@contextmanager
def mlflow_outages(uri: str) -> Iterator[None]:
    """Turn errors of an absent or failing MLflow into `Outage`; all others pass as they are."""
    import requests
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import OperationalError

    try:
        yield
    except (requests.RequestException, ConnectionError, OperationalError, MlflowException) as error:
        # A request that never reached MLflow carries no code.
        if getattr(error, "error_code", "INTERNAL_ERROR") not in _OUTAGE_CODES:
            raise
        cause = str(error).split("\n")[0]
        message = f"MLflow at {uri} does not answer: {cause}. "
        message += "Start it or correct AIRLOCK_MLFLOW_TRACKING_URI; the task will be tried again"
        raise Outage(re.sub("//[^/@ ]*@", "//", message)) from error  # without a password
