"""Tells people what the gates decided, after the decision stands in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

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
    """Return the channels of this installation by name."""
    from include.alerts.channels import LogChannel, WebhookChannel

    found: dict[str, Channel] = {"log": LogChannel()}
    address = settings.alert_webhook_url.get_secret_value() or _connected(settings.alert_connection)
    if address:
        found["webhook"] = WebhookChannel(address)
    return found


def _connected(connection_id: str) -> str:
    """Return the address in an Airflow connection: its extra field `url`, or https, host and password."""
    if not connection_id:
        return ""
    from airflow.sdk import BaseHook

    connection = BaseHook.get_connection(connection_id)
    url = connection.extra_dejson.get("url")
    return str(url) if url else f"https://{connection.host}/{connection.password or ''}"
