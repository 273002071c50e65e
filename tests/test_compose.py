"""What can be known of the compose file without a container engine."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from cli import components, secret_files
from cli.commands.component import component
from cli.main import main
from include.settings import PROJECT_ROOT, Settings

TEXT = (PROJECT_ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PARTS = [name for name, service in SERVICES.items() if service["command"][0] == "component"]
# Runs to its end: that it has is its sign of life.
ONE_SHOT = {"prepare", "clean-metadata"}


def test_the_file_follows_the_published_schema() -> None:
    schema = json.loads(
        files("check_jsonschema.builtin_schemas.vendor").joinpath("compose-spec.json").read_text()
    )
    broken = COMPOSE | {"services": {"x": {"image": "x:1", "healthchek": {}}}}
    assert list(Draft202012Validator(schema).iter_errors(broken)), (
        "the schema lets a misspelled field through"
    )
    assert [error.message for error in Draft202012Validator(schema).iter_errors(COMPOSE)] == []


def test_every_variable_stands_in_the_example() -> None:
    example = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    known = set(re.findall(r"^#? ?([A-Z_]+)=", example, flags=re.MULTILINE))
    assert set(re.findall(r"\$\{([A-Z_]+)", TEXT)) <= known
    given = {name for service in SERVICES.values() for name in service.get("environment", {})}
    ours = {name for name in given if name.startswith("AIRLOCK_")} - {"AIRLOCK_SECRETS_DIR"}
    assert ours <= {f"AIRLOCK_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_checked_and_confined(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r".+:v?\d[\w.-]*\.[\w.-]+", service["image"]), "an image without an exact tag"
    assert service["restart"]
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert service["logging"]["options"]["max-size"]
    assert "privileged" not in service
    assert "network_mode" not in service
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), "listens to the world"
    assert len(service["profiles"]) == 1
    if name not in ONE_SHOT:
        assert service["healthcheck"]["test"]
        assert service["healthcheck"]["interval"]
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert source in COMPOSE["volumes"] or (PROJECT_ROOT / source).exists()
        assert source in COMPOSE["volumes"] or volume.endswith(":ro"), "a container writes into the checkout"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_until_what_it_needs_is_well(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        assert SERVICES[needed]["profiles"] == SERVICES[name]["profiles"]
        wanted = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
        assert how == {"condition": wanted}


def test_every_command_of_ours_exists() -> None:
    for name, service in SERVICES.items():
        if service["image"].startswith("airlock:"):
            command, *arguments = service["command"]
            assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0
            if name in PARTS:
                assert arguments == [name]
                assert components.command_of(name, Settings(_env_file=None))
            check = service.get("healthcheck", {}).get("test", [])
            if name in PARTS and name not in ONE_SHOT:
                assert check == ["CMD", "./airlock", "component", name, "--healthy"]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_given_the_secrets_that_it_needs_and_no_others(name: str) -> None:
    given = {
        one if isinstance(one, str) else one["target"]: one if isinstance(one, str) else one["source"]
        for one in SERVICES[name]["secrets"]
    }
    assert given == components.secret_files(name)


def test_the_scheduler_counts_on_as_many_workers_as_there_are() -> None:
    workers = [name for name in PARTS if components.kind_of(name) == "worker"]
    told = SERVICES["scheduler"]["environment"]["AIRLOCK_CELERY_WORKERS"]
    assert told == f"${{AIRLOCK_CELERY_WORKERS:-{len(workers)}}}"


def test_two_parts_share_no_volume() -> None:
    named = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.split(":")[0] in COMPOSE["volumes"]
    ]
    assert sorted(named) == sorted(COMPOSE["volumes"])


def test_databases_and_queue_are_not_reached_from_outside() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    for name in ("postgres", "redis", "s3"):
        assert SERVICES[name]["networks"] == ["inside"]
        assert "ports" not in SERVICES[name]


def test_every_secret_is_a_file_that_is_drawn(tmp_path) -> None:
    secret_files.draw(tmp_path)
    secret_files.write_addresses(tmp_path, secret_files.Addresses())
    drawn = {path.name for path in tmp_path.iterdir()}
    assert {name: f"./secrets/{name}" for name in drawn} == {
        name: one["file"] for name, one in COMPOSE["secrets"].items()
    }
    text = "\n".join(str(service.get("environment", "")) for service in SERVICES.values())
    assert not re.search(r"(?i)(password|secret|token)(?!s_dir|_file)[a-z_]*'?: '?\w", text)
    assert "secrets" in (PROJECT_ROOT / ".gitignore").read_text().split("\n") or "secrets/" in (
        PROJECT_ROOT / ".gitignore"
    ).read_text().split("\n")


def test_secrets_are_drawn_once_and_differ_between_installations(tmp_path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        assert CliRunner().invoke(main, ["secrets", str(folder)]).exit_code == 0
    before = {path.name: path.read_text() for path in one.iterdir()}
    assert CliRunner().invoke(main, ["secrets", str(one)]).exit_code == 0
    assert {path.name: path.read_text() for path in one.iterdir()} == before
    assert not set(before.values()) & {path.read_text() for path in other.iterdir()}
    assert one.stat().st_mode & 0o777 == 0o700
    (one / "keys.json").unlink()
    again = CliRunner().invoke(main, ["secrets", str(one)])
    assert again.exit_code == 1
    assert "do not belong together" in again.output


@pytest.mark.parametrize("name", PARTS)
def test_without_secrets_a_part_stops_with_a_plain_message(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AIRLOCK_SECRETS_DIR", str(tmp_path))
    from include.settings import get_settings

    get_settings.cache_clear()
    try:
        done = CliRunner().invoke(main, ["component", name])
    finally:
        get_settings.cache_clear()
    assert done.exit_code == 1
    assert f"{name} does not start" in done.output
    assert "./airlock secrets" in done.output
    assert len(done.output.splitlines()) < 5


def test_an_unknown_part_is_named() -> None:
    done = CliRunner().invoke(main, ["component", "sheduler"])
    assert "There is no component 'sheduler'; choose one of api-server" in done.output
    assert component.name == "component"


def test_the_image_is_built_from_the_one_list_of_dependencies_and_runs_without_root() -> None:
    dockerfile = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^FROM (\S+)", dockerfile, flags=re.MULTILINE) == ["python:3.11.14-slim-bookworm"] * 2
    assert re.findall(r"-r (\S+)", dockerfile) == ["/requirements.txt", "/requirements-kubernetes.txt}"]
    assert re.search(r"^USER airlock$", dockerfile, flags=re.MULTILINE)
    ignored = (PROJECT_ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".env", "secrets", ".git"} <= set(ignored)
