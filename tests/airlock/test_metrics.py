"""The metrics of intake: documented are those that are sent, and only where somebody listens."""

import re

import pytest

from airlock import metrics
from include.errors import GateRefused
from include.settings import PROJECT_ROOT
from tests.airlock.test_openlineage_events import (  # noqa: F401 -- fixtures
    home,
    operator,
    prepared,
    run,
)
from tests.include.ingestion.conftest import reshaped


class Recorder:
    """A backend of Airflow's metrics that remembers."""

    def __init__(self):
        self.sent = {}

    def incr(self, stat, count=1, tags=None):
        self.sent[stat] = (self.sent.get(stat, (0,))[0] + count, tags)

    def gauge(self, stat, value, tags=None):
        self.sent[stat] = (value, tags)

    timing = gauge


@pytest.fixture
def sent(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr("airflow.sdk._shared.observability.metrics.stats._backend", recorder)
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
    return recorder.sent


def documented() -> set[str]:
    text = (PROJECT_ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `airlock\.<use case>\.intake\.([a-z_]+)", text, re.MULTILINE))


def figure(name: str) -> str:
    return name.removeprefix("airlock.flights.intake.").partition(".")[0]


def test_what_is_documented_is_sent_and_nothing_else(operator, home, sent):  # noqa: F811
    run(operator)
    published = dict(sent)
    assert published["airlock.flights.intake.rows_landed"] == (len(home.rows()), {"use_case": "flights"})
    assert published["airlock.flights.intake.rejected_share"][0] == 0
    assert published["airlock.flights.intake.latency"][0] > 0
    share, tags = published["airlock.flights.intake.null_share.arr_delay"]
    assert (0 < share < 0.2, tags["column"]) == (True, "arr_delay")
    home.change(reshaped(lambda table: table.drop_columns(["origin"])))
    with pytest.raises(GateRefused):
        run(operator)
    assert sent["airlock.flights.intake.schema_violations"][0] == 1
    assert sent["airlock.flights.intake.rejected_share"][0] == 1
    emitted = {figure(name) for name in sent if ".intake." in name}
    # With four days of history nobody can say how unusual a day is.
    assert emitted == documented() - {"drift"}


def test_the_drift_is_sent_once_there_is_one(sent, operator, home):  # noqa: F811
    from include.intake import intake_of

    run(operator)
    (day,) = intake_of(home.use_case, home.workspace, partition=operator.partition)
    assert day.drift is None
    metrics.emit_intake(day.model_copy(update={"drift": 0.97}))
    assert sent["airlock.flights.intake.drift"] == (0.97, {"use_case": "flights"})


def test_nothing_is_read_where_nobody_listens(operator, sent, monkeypatch):  # noqa: F811
    monkeypatch.delenv("AIRFLOW__METRICS__STATSD_ON")
    run(operator)
    assert sent == {}
