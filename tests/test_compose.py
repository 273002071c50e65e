"""What can be known of the compose file without a container engine."""

from __future__ import annotations

import re

import pytest
import yaml
from click.testing import CliRunner

from cli.main import main
from include.settings import PROJECT_ROOT

TEXT = (PROJECT_ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
SERVICES = yaml.safe_load(TEXT)["services"]


def test_every_variable_stands_in_the_example() -> None:
    example = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    known = set(re.findall(r"^#? ?([A-Z_]+)=", example, flags=re.MULTILINE))
    assert set(re.findall(r"\$\{([A-Z_]+)", TEXT)) <= known


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_checked_and_confined(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r".+:\d[\w.-]*", service["image"])
    assert service["healthcheck"]["test"]
    assert service["restart"]
    assert service["mem_limit"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"]), "nothing listens to the world"


def test_the_command_exists() -> None:
    command = SERVICES["airlock"]["command"]
    assert CliRunner().invoke(main, [*command, "--help"]).exit_code == 0


def test_no_password_works_by_default() -> None:
    assert "${AIRLOCK_AIRFLOW_PASSWORD:?" in TEXT


def test_the_image_is_built_from_the_one_list_of_dependencies_and_runs_without_root() -> None:
    dockerfile = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^FROM (\S+)", dockerfile, flags=re.MULTILINE) == ["python:3.11.14-slim-bookworm"] * 2
    assert re.findall(r"-r (\S+)", dockerfile) == ["/requirements.txt"]
    assert re.search(r"^USER airlock$", dockerfile, flags=re.MULTILINE)
