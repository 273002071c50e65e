"""What is excepted from the scans has a reason, and CI runs them."""

from __future__ import annotations

import re
import tomllib

import yaml

from include.settings import PROJECT_ROOT

_REASON = re.compile(r"#\s*noqa:\s*([A-Z0-9, ]+)(.*)")


def test_every_exception_from_the_security_rules_has_its_reason() -> None:
    settings = (PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8")
    rules = tomllib.loads(settings)["tool"]["ruff"]["lint"]
    assert "S" in rules["select"]
    assert not any(rule.startswith("S") for rule in rules["ignore"] if rule not in {"SIM"})
    lines = settings.splitlines()
    for number, line in enumerate(lines):
        if re.match(r'"[^"]+" = \[.*"S\d', line):
            before = next(found for found in reversed(lines[:number]) if not found.startswith('"'))
            assert before.startswith("#"), f"no reason stands above: {line}"
    for folder in ("include", "cli", "plugins", "dags", "config", "bench", "tests"):
        for path in (PROJECT_ROOT / folder).rglob("*.py"):
            for found in _REASON.finditer(path.read_text(encoding="utf-8")):
                if re.search(r"\bS\d{3}\b", found[1]) and "_REASON" not in found[0]:
                    said = found[2].strip(" -")
                    # A statement that goes on over lines carries its reason once.
                    assert said or found[1].strip() == "S607", f"{path}: {found[0]}"


def test_every_advisory_that_is_passed_over_has_its_reason() -> None:
    for line in (PROJECT_ROOT / "audit-exceptions.txt").read_text(encoding="utf-8").splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Z][A-Za-z0-9-]+ +\S.{20,}", line), line


def test_ci_audits_and_takes_no_silence_for_a_pass() -> None:
    jobs = yaml.safe_load((PROJECT_ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert {"run": "make audit"} in jobs["audit"]["steps"]
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"pip-audit --strict .*\\\n.*-r requirements\.txt -r requirements-dev\.txt", makefile)
