"""Which errors of MLflow mean that it does not answer, so that a retry may help."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from include.disks import full_disk
from include.errors import Outage

_LOGIN = re.compile("//[^/@ ]*@")
# The last one is what MLflow calls a 404 that is not its own: a proxy says so before a server that is down.
_OUTAGE_CODES = {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "ENDPOINT_NOT_FOUND"}


@contextmanager
def mlflow_outages(uri: str) -> Iterator[None]:
    """Turn errors of an absent or failing MLflow, or of a full disk, into `Outage`; all others pass."""
    import requests
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import OperationalError

    try:
        yield
    except (OSError, OperationalError, MlflowException) as error:
        if full := full_disk(without_login_shown(uri), error):
            raise full from (None if _LOGIN.search(uri) else error)
        if isinstance(error, OSError) and not isinstance(error, (requests.RequestException, ConnectionError)):
            raise
        # A request that never reached MLflow carries no code.
        if getattr(error, "error_code", "INTERNAL_ERROR") not in _OUTAGE_CODES:
            raise
        cause = str(error).split("\n")[0]
        message = f"MLflow at {uri} does not answer: {cause}. "
        message += "Start it or correct AIRLOCK_MLFLOW_TRACKING_URI; the task will be tried again"
        # MLflow repeats its whole address in its messages: a login in it must not reach a log by the cause.
        told = Outage(without_login_shown(message))
        raise told from (None if _LOGIN.search(uri) else error)


def without_login_shown(text: str) -> str:
    """Return a text without the logins of the addresses in it."""
    return _LOGIN.sub("//", text)


def without_login(uri: str) -> str:
    """Return the address of a server without user and password, handed over as MLflow's own variables.

    What MLflow does not know as part of its address it repeats nowhere. A database keeps its login.
    """
    parts = urlsplit(uri)
    if not parts.scheme.startswith("http") or parts.username is None:
        return uri
    os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username)
    os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password or "")
    return without_login_shown(uri)
