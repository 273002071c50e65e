"""The section `alerts`: what is told to people, and on which channels."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from include.use_case_sections.base import Section

AlertSeverity = Literal["info", "warning", "critical"]
ChannelName = Literal["log", "webhook", "slack", "email"]


class Route(Section):
    """From this severity on, alerts go to these channels."""

    severity: AlertSeverity
    channels: list[ChannelName] = Field(description="all but `log` are silent while no address is configured")


def _usual_routes() -> list[Route]:
    return [
        Route(severity="info", channels=["log"]),
        Route(severity="warning", channels=["log", "webhook", "slack", "email"]),
    ]


class Watch(Section):
    """How long nothing may come before the nightly maintenance raises an alarm of its own."""

    missed_runs: int = Field(
        2, ge=1, description="scheduled data dates that may lack batches, labels, predictions or monitoring"
    )
    champion_days: int | None = Field(
        None, ge=1, description="so many days the champion may be older than the newest batch; null: any"
    )


class Deadlines(Section):
    """In how many minutes after it was asked for a run must have ended; later, people are told."""

    ingest_minutes: int | None = Field(None, ge=1, description="of the ingestion of a day; null: none")
    train_minutes: int | None = Field(
        None, ge=1, description="from the start of a training to its champion; null: none"
    )


class Alerts(Section):
    """What is told to people. A marked day alone is not: an alarm opens when marks come together."""

    routes: list[Route] = Field(default_factory=_usual_routes)
    violations: int = Field(
        3, ge=1, description="so many of the last partitions must be marked, the newest too, to open an alarm"
    )
    of_last: int = Field(7, ge=1)
    escalate_after: int = Field(
        4,
        ge=2,
        description="partitions that an alarm stands until it is told again, one severity up",
    )
    recover_after: int = Field(3, ge=1, description="quiet partitions in a row that close an alarm")
    watch: Watch = Watch()
    deadlines: Deadlines = Deadlines()
    muted: list[str] = Field(default_factory=list, description="gates that tell nothing, such as drift")

    @model_validator(mode="after")
    def _reachable(self) -> Alerts:
        if self.violations > self.of_last:
            raise ValueError(
                f"violations {self.violations} can never be reached among of_last {self.of_last}"
            )
        return self
