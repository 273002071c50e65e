"""Airflow's standard roles, and the one thing that Airlock adds: what reaches past a gate takes an operator.

Airflow's `viewer` reads, its `user` starts and clears runs of any DAG, its `op` keeps connections, its
`admin` does all. Starting a training is safe in the hands of a `user`, because its candidate passes every
gate; putting a champion back, letting rows in that were set aside, and writing what one task hands on
to the next are not. Set `[core] auth_manager` to `airlock_roles.AirlockAuthManager`; `docs/roles.md` has the
table and a test compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import (
    SimpleAuthManager,
    SimpleAuthManagerRole,
)

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
    from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

_OPERATORS_STAGES = {"rollback", "quarantine", "maintenance"}


class AirlockAuthManager(SimpleAuthManager):
    """The simple auth manager, in which runs of some DAGs are for the role `op` and above."""

    def is_authorized_dag(
        self,
        *,
        method: ResourceMethod,
        user: SimpleAuthManagerUser,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        allowed = super().is_authorized_dag(
            method=method, user=user, access_entity=access_entity, details=details
        )
        if not allowed or method == "GET":
            return allowed
        stage = ((details.id if details else None) or "").rpartition(".")[2]
        if stage in _OPERATORS_STAGES or access_entity is DagAccessEntity.XCOM:
            return bool(user.role) and _order(str(user.role)) >= SimpleAuthManagerRole.OP.order
        return True


def _order(role: str) -> int:
    return int(SimpleAuthManagerRole[role.upper()].order)
