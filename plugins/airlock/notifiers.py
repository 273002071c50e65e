"""Tells people what the gates decided, after the decision stands in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseNotifier

from airlock.observing import recorded
from airlock.operators.base import run_type_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.alerts.channels import Channel
    from include.settings import Settings


class AlertNotifier(BaseNotifier):
    """Judge which decisions of the run are news, and send what is.

    Attached to a task's success and failure alike: a refusal is news, and so is that it is over. What cannot
    be sent now is sent by the next run, and by the nightly maintenance.

    :param use_case: name of the use case.
    :param gates: gates whose decisions the task makes.
    """

    def __init__(self, *, use_case: str, gates: tuple[str, ...]) -> None:
        super().__init__()
        self.use_case = use_case
        self.gates = gates

    def notify(self, context: Context) -> None:
        from include.alerts.deliveries import Deliveries
        from include.alerts.stage import deliver, judge_alerts
        from include.workspace import Workspace

        workspace = Workspace()
        workspace.ledger.on_record = recorded
        use_case = workspace.use_case(self.use_case)
        judge_alerts(
            use_case,
            context["dag_run"].partition_key,
            gates=self.gates,
            actor=run_type_of(context),
            workspace=workspace,
        )
        deliver(
            use_case,
            channels=channels(workspace.settings),
            deliveries=Deliveries(workspace.settings.ledger),
            workspace=workspace,
        )


def alerting(use_case: str, *gates: str) -> dict[str, Any]:
    """Return the arguments that make a task tell people what these gates decided."""
    notifier = AlertNotifier(use_case=use_case, gates=gates)
    return {"on_success_callback": [notifier], "on_failure_callback": [notifier]}


def channels(settings: Settings) -> dict[str, Channel]:
    """Return the channels of this installation by name: what the settings say, then what connections hold.

    Raises:
        ConfigurationError: an address is none that alerts may be sent to.
    """
    from include.alerts.channels import LogChannel, SlackChannel, WebhookChannel
    from include.alerts.mail import MailChannel

    found: dict[str, Channel] = {"log": LogChannel()}
    addresses = {
        "webhook": settings.alert_webhook_url.get_secret_value(),
        "slack": settings.alert_slack_url.get_secret_value(),
        "email": settings.alert_smtp_url.get_secret_value(),
    }
    for connection_id in settings.alert_connections:
        name, address = _connected(connection_id)
        addresses[name] = addresses[name] or address
    hosts = settings.reachable_hosts
    if address := addresses["webhook"]:
        found["webhook"] = WebhookChannel(address, private_hosts=hosts)
    if address := addresses["slack"]:
        found["slack"] = SlackChannel(address, private_hosts=hosts)
    if address := addresses["email"]:
        found["email"] = MailChannel(
            address,
            sender=settings.alert_mail_from,
            receivers=settings.mail_receivers,
            private_hosts=hosts,
        )
    return found


def _connected(connection_id: str) -> tuple[str, str]:
    """Return which channel an Airflow connection is for, by its type, and the address that it holds.

    The extra field `url` is a whole address; without it, it is put together from host and password as the
    providers of Airflow do.
    """
    from airflow.sdk import BaseHook

    connection = BaseHook.get_connection(connection_id)
    url = connection.extra_dejson.get("url")
    if connection.conn_type == "smtp":
        scheme = "smtp" if connection.extra_dejson.get("disable_ssl") else "smtps"
        login = f"{quote(connection.login or '', safe='')}:{quote(connection.password or '', safe='')}@"
        port = f":{connection.port}" if connection.port else ""
        return "email", str(url or f"{scheme}://{login if connection.login else ''}{connection.host}{port}")
    name = "slack" if (connection.conn_type or "").startswith("slack") else "webhook"
    base = (connection.host or "").rstrip("/")
    base = base if "://" in base else f"https://{base}"
    return name, str(url or f"{base}/{connection.password or ''}")
