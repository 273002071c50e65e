"""Notices are recorded once and delivered once, to a real server; history and backfills call nobody."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from include import partitions
from include.alerts.channels import WebhookChannel
from include.alerts.deliveries import Deliveries
from include.alerts.stage import deliver, judge_alerts, routed
from include.decisions import Decision, Verdict
from include.errors import ConfigurationError, Outage

DAYS = partitions.span("2013-02-06", "2013-02-14")


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.headers["Idempotency-Key"], json.loads(body)))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()

    def log_message(self, *arguments):
        """Stay quiet."""


@pytest.fixture
def server():
    with HTTPServer(("127.0.0.1", 0), Receiver) as found:
        found.received, found.answers = [], []
        found.address = f"http://127.0.0.1:{found.server_port}/hook?secret=s3cret"
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def decided(workspace, partition, verdict, *, gate="ingestion"):
    return workspace.ledger.append(
        Decision(
            use_case="trips",
            gate=gate,
            partition=partition,
            as_of=partitions.shift(partition, 1),
            verdict=verdict,
            reasons=[f"half of the trips of {partition} are cancelled"],
            evidence={"day": partition},
            rule="one-sided Clopper-Pearson bound",
            error_rate=0.01,
            policy_hash="p",
            data_refs=[],
            code_version="c",
            actor="tests",
        )
    )


def judged(trips, workspace, partition, actor="scheduled"):
    return judge_alerts(trips, partition, gates=("ingestion",), actor=actor, workspace=workspace)


def sent(trips, workspace, server):
    return deliver(
        trips,
        channels={"webhook": WebhookChannel(server.address)},
        deliveries=Deliveries(workspace.settings.ledger),
        workspace=workspace,
    )


def test_a_refused_batch_is_told_once_stands_and_is_over(trips, bare, server):
    verdicts = [Verdict.PASS, *[Verdict.REFUSE] * 5, *[Verdict.PASS] * 3]
    for day, verdict in zip(DAYS, verdicts, strict=True):
        decided(bare, day, verdict)
        for _ in range(2):
            judged(trips, bare, day)
            sent(trips, bare, server)
    told = [(body["kind"], body["severity"], body["partition"]) for _, body in server.received]
    assert told == [
        ("opened", "critical", "2013-02-07"),
        ("escalated", "critical", "2013-02-10"),
        ("recovered", "critical", "2013-02-14"),
    ]
    assert len({key for key, _ in server.received}) == 3
    bare.ledger.verify()


def test_an_alert_says_what_since_when_how_sure_what_to_do_and_where(trips, bare, server):
    cause = decided(bare, "2013-02-08", Verdict.REFUSE)
    judged(trips, bare, "2013-02-08")
    sent(trips, bare, server)
    ((_, body),) = server.received
    assert body["text"] == (
        "[critical] trips 2013-02-08: a batch was refused\n"
        "- an alarm opens: 2013-02-08\n"
        "- half of the trips of 2013-02-08 are cancelled\n"
        "Since: 2013-02-08. How sure: one-sided Clopper-Pearson bound; built for false alarms in at most "
        "1.0% of looks.\n"
        "To do: Ask upstream for a corrected file, put it in the same place and clear the red ingest task. "
        "Nothing was published meanwhile.\n"
        f"Look at: http://127.0.0.1:8080/airlock/decisions/{cause.id} or ./airlock decisions --id {cause.id}"
    )


def test_a_late_backfill_records_and_sends_nothing(trips, bare, server):
    decided(bare, "2013-02-14", Verdict.PASS)
    decided(bare, "2013-02-08", Verdict.REFUSE)
    assert judged(trips, bare, "2013-02-08") == []
    assert sent(trips, bare, server) == []


def test_a_backfill_is_told_to_the_log_alone(trips, bare):
    decided(bare, "2013-02-08", Verdict.REFUSE)
    (notice,) = judged(trips, bare, "2013-02-08", actor="backfill")
    assert routed(notice, trips.alerts) == ["log"]
    decided(bare, "2013-02-09", Verdict.REFUSE)
    assert judged(trips, bare, "2013-02-09") == []


def test_a_server_that_is_down_gets_it_later_and_others_are_not_held_up(trips, bare, server):
    class Kept:
        def __init__(self):
            self.got = []

        def send(self, message):
            self.got.append(message.id)

    decided(bare, "2013-02-08", Verdict.REFUSE)
    (notice,) = judged(trips, bare, "2013-02-08")
    kept, deliveries = Kept(), Deliveries(bare.settings.ledger)
    server.answers += [503]
    both = {"log": kept, "webhook": WebhookChannel(server.address)}
    with pytest.raises(Outage, match="answered 503") as raised:
        deliver(trips, channels=both, deliveries=deliveries, workspace=bare)
    assert "s3cret" not in str(raised.value)
    assert kept.got == [notice.id]
    assert deliver(trips, channels=both, deliveries=deliveries, workspace=bare) == [f"webhook {notice.id}"]
    assert kept.got == [notice.id]


def test_a_channel_that_is_connected_later_gets_no_old_alerts(trips, bare, server):
    decided(bare, "2013-02-08", Verdict.REFUSE)
    judged(trips, bare, "2013-02-08")
    deliver(trips, channels={}, deliveries=Deliveries(bare.settings.ledger), workspace=bare)
    assert sent(trips, bare, server) == []


def test_a_sender_that_was_killed_gives_its_claim_back_after_a_while(bare, monkeypatch):
    from datetime import timedelta

    deliveries = Deliveries(bare.settings.ledger)
    assert deliveries._claimed("n", "webhook")
    with deliveries.once("n", "webhook") as mine:
        assert not mine
    monkeypatch.setattr("include.alerts.deliveries._STUCK", timedelta(0))
    with deliveries.once("n", "webhook") as mine:
        assert mine
    assert deliveries.done() == {("n", "webhook")}


@pytest.mark.parametrize("answer", [404, 302])
def test_a_refused_or_redirected_post_is_a_mistake_of_configuration(trips, bare, server, answer):
    decided(bare, "2013-02-08", Verdict.REFUSE)
    judged(trips, bare, "2013-02-08")
    server.answers += [answer]
    with pytest.raises(ConfigurationError, match=str(answer)):
        sent(trips, bare, server)
    assert len(server.received) == 1, "a redirect was followed"
