"""Import the heavy libraries once, in the process that task processes are forked from.

A task process that is forked from a warm one finds them in `sys.modules` and pays nothing for them; importing
them itself costs it about 5 s of CPU. This module imports none of them before `warm_up` is called.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import pkgutil
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec

import include
from include.settings import get_settings
from include.storage import is_s3
from include.storage_s3 import read_descriptions

logger = logging.getLogger(__name__)

LIBRARIES = (
    "numpy",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "scipy.stats",
    "sqlalchemy",
    "boto3",
    "sklearn.ensemble",
    "sklearn.pipeline",
    "sklearn.linear_model",
    "sklearn.preprocessing",
    "sklearn.compose",
    "sklearn.metrics",
    "skops.io",
    # Plots of the training report, and the signatures of models.
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "model_signing.signing",
    "model_signing.verifying",
    "deltalake",
    "deltalake.fs",
    "mlflow",
    "mlflow.sklearn",
    "mlflow.tracking",
    "mlflow.pyfunc",
    # MLflow imports its stores, and git, when the first run is opened.
    "mlflow.store.tracking.rest_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.rest_store",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.tracing.export",
    "mlflow.tracing.processor",
    "mlflow.tracing.utils.environment",
    "opentelemetry.sdk.metrics",
    "git",
    # scikit-learn and Evidently reach for these at their first data frame.
    "narwhals._duration",
    "narwhals._interchange.dataframe",
    "narwhals._pandas_like.namespace",
    "narwhals.stable.v2._namespace",
    "pandas.core.methods.to_dict",
    "tenacity",
    "great_expectations",
    "great_expectations.expectations",
    "evidently",
    "evidently.presets",
    "openfeature.api",
    "openfeature.provider.in_memory_provider",
    "phonenumbers",
    "stdnum.iban",
    "stdnum.luhn",
    # Every task process imports this one when it renders its first template.
    "jinja2.ext",
)

# A forked process has none of its parent's threads, so the parent must not depend on any. These are read when
# the libraries are loaded: two copies of jemalloc, which would clean up in the background, and OpenBLAS.
_NO_THREADS = {
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "_RJEM_MALLOC_CONF": "background_thread:false",
    "OPENBLAS_NUM_THREADS": "1",
}


def warm_up() -> list[str]:
    """Import the libraries and our own modules, then hide them all from the garbage collector.

    Returns:
        The names that are now imported; empty if the setting `warm_workers` is off.
    """
    if not get_settings().warm_workers:
        return []
    for name, value in _NO_THREADS.items():
        os.environ.setdefault(name, value)
    loaded = import_quietly((*LIBRARIES, *_our_modules()))
    _close_event_loop_of_evidently()
    if is_s3(get_settings().lake):
        read_descriptions()
    freeze()
    return loaded


def import_quietly(names: Iterable[str]) -> list[str]:
    """Import modules and return those that could be; the others are left to the task that needs them."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    loaded = []
    with warnings.catch_warnings(), _a_main_program(), collector_off():
        # skops asks every module for each of scipy's functions, which sets off each deprecated lazy name.
        warnings.simplefilter("ignore")
        for name in names:
            try:
                importlib.import_module(name)
            except Exception:  # whatever is wrong with it, the task that imports it says so
                logger.warning("%s could not be imported ahead of the tasks", name, exc_info=True)
            else:
                loaded.append(name)
    return loaded


@contextmanager
def _a_main_program() -> Iterator[None]:
    """Let libraries find a main program, which a process has not yet while `python -m` imports its package.

    Great Expectations looks whether Spark is there, and Spark takes a process without one for its own
    doctests and ends it.
    """
    main = sys.modules["__main__"]
    without = main.__spec__ is None and not hasattr(main, "__file__")
    if without:
        main.__spec__ = ModuleSpec("__main__", None)
    try:
        yield
    finally:
        if without:
            main.__spec__ = None


@contextmanager
def collector_off() -> Iterator[None]:
    """Keep the garbage collector from looking for what to free while everything that is made stays.

    It takes a sixth of the time of importing the libraries, which make a million objects.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def freeze() -> None:
    """Keep the collector off all that exists, so that its pages stay shared with the forked processes."""
    gc.collect()
    gc.freeze()


def _our_modules() -> Iterator[str]:
    """Our own modules; not the use cases, which people change while the system runs."""
    for module in pkgutil.walk_packages(include.__path__, "include.", onerror=lambda name: None):
        if not module.name.startswith("include.use_cases"):
            yield module.name


def _close_event_loop_of_evidently() -> None:
    """Evidently opens an event loop when it is imported; forked processes would share its sockets."""
    if module := sys.modules.get("evidently.legacy.utils.sync"):
        module._loop.close()
