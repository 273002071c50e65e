"""In production, changes go through Airflow's API with the caller's own rights: no way round for a command.

What an account may write to the stores by itself is for the operating system and the stores to say: give
people accounts that read the lake, the ledger and MLflow, and let Airflow's workers alone write.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from include.errors import ConfigurationError, GateRefused

if TYPE_CHECKING:
    from include.decisions import Decision
    from include.settings import Settings
    from include.workspace import Workspace


def refuse_in_production(settings: Settings, command: str, *, instead: str) -> None:
    """Let a command that changes the stores by itself work outside production only.

    Args:
        settings: of this installation.
        command: as it was typed, without `./airlock`.
        instead: a sentence that says what to do.

    Raises:
        ConfigurationError: the installation is in production.
    """
    if settings.production:
        raise ConfigurationError(
            f"This installation is in production (AIRLOCK_PRODUCTION), where `./airlock {command}` changes "
            f"nothing by itself. {instead}"
        )


def decided_by_airflow(
    workspace: Workspace, dag_id: str, *, task_id: str, gate: str, conf: Mapping[str, Any]
) -> Decision:
    """Start a run with the caller's token, wait for it and return the decision that it made.

    Raises:
        ConfigurationError: there is no token, or Airflow refuses this caller; nothing was changed.
        GateRefused: the gate refused.
        Outage: Airflow does not answer.
    """
    from cli.airflow_api import AirflowApi

    settings = workspace.settings
    if not settings.api_token.get_secret_value():
        raise ConfigurationError(
            "This installation is in production (AIRLOCK_PRODUCTION): changes go through Airflow, by your "
            f"own rights. Set AIRLOCK_API_TOKEN to a token of yours (docs/roles.md), or start {dag_id} in "
            f"the UI at {settings.public_address}"
        )
    known = workspace.ledger.find(gate=gate, limit=1)
    with AirflowApi.by_token(settings.public_address, settings.api_token) as api:
        run = api.wait_for_run(dag_id, api.trigger(dag_id, conf=conf).run_id)
        if run.state == "success":
            return workspace.ledger.get(api.xcom(dag_id, run.run_id, task_id)["decision_id"])
    newest = workspace.ledger.find(gate=gate, limit=1)
    if newest and newest != known and not newest[0].verdict.opens:
        raise GateRefused(gate=gate, decision_id=newest[0].id, reasons=newest[0].reasons)
    raise ConfigurationError(
        f"Run {run.run_id} of {dag_id} failed and decided nothing; read the log of {task_id} in Airflow"
    )
