"""Settings, and the file that lists them for people."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from include.settings import PROJECT_ROOT, Settings

EXAMPLE = PROJECT_ROOT / ".env.example"
HEAD = """\
# Every setting of Airlock with its meaning and its default. Copy this file to `.env` and change what you
# need: the environment is read first, then `.env`. An empty value means the default.
#
# Keys for S3 are not settings of Airlock: boto3 and the Delta library read AWS_ACCESS_KEY_ID and
# AWS_SECRET_ACCESS_KEY themselves. Put those into the environment of the processes, not here.
#
# Where the environment variable AIRLOCK_SECRETS_DIR names a folder, `.env` is not read: settings may then
# stand in that folder, each in a file named as its variable in small letters, as secrets of containers do.
"""


def example() -> str:
    """What `.env.example` must be. When this differs from the file, the file is to be corrected."""
    lines = [HEAD]
    for name, field in Settings.model_fields.items():
        default, meaning = field.default, field.description
        if isinstance(default, Path):
            # An absolute path of one machine helps nobody else.
            meaning += f"; empty: {default.relative_to(PROJECT_ROOT)} in the project's folder"
            default = ""
        if isinstance(default, SecretStr):
            default = default.get_secret_value()
        shown = str(default).lower() if isinstance(default, bool) else default
        lines.append(f"# {meaning}\nAIRLOCK_{name.upper()}={shown}\n")
    return "\n".join(lines)


def test_the_example_lists_every_setting_with_its_default_and_meaning():
    assert EXAMPLE.read_text(encoding="utf-8") == example()


def test_every_setting_has_a_meaning():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_example_as_it_stands_changes_nothing():
    assert Settings(_env_file=EXAMPLE) == Settings(_env_file=None)


def test_the_environment_is_read_before_the_file(tmp_path, monkeypatch):
    file = tmp_path / ".env"
    file.write_text("AIRLOCK_TASK_SLOTS=7\nAIRLOCK_S3_REGION=eu-west-1\n")
    monkeypatch.setenv("AIRLOCK_TASK_SLOTS", "9")
    settings = Settings(_env_file=file)
    assert (settings.task_slots, settings.s3_region) == (9, "eu-west-1")


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "airlock_ledger_url").write_text("postgresql://one\n")
    (tmp_path / "airlock_privacy_key").write_text("from the file")
    monkeypatch.setenv("AIRLOCK_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("AIRLOCK_PRIVACY_KEY", "from the environment")
    settings = Settings(_env_file=None)
    assert settings.ledger == "postgresql://one"
    assert settings.privacy_key.get_secret_value() == "from the environment"


def test_what_lies_below_home_follows_it(tmp_path):
    settings = Settings(_env_file=None, home=tmp_path)
    assert settings.landing == f"{tmp_path}/landing"
    assert settings.lake == f"{tmp_path}/lake"
    assert settings.ledger == f"sqlite:///{tmp_path}/ledger.db"
    assert settings.mlflow == f"sqlite:///{tmp_path}/mlflow/mlflow.db"


def test_an_address_of_its_own_wins_over_home(tmp_path):
    settings = Settings(
        _env_file=None,
        home=tmp_path,
        landing_url="s3://in/x",
        lake_url="s3://lake/y",
        ledger_url="postgresql://u:p@h/d",
        mlflow_tracking_uri="http://m:5000",
    )
    found = (settings.landing, settings.lake, settings.ledger, settings.mlflow)
    assert found == ("s3://in/x", "s3://lake/y", "postgresql://u:p@h/d", "http://m:5000")


def test_secrets_are_not_shown():
    settings = Settings(
        _env_file=None, ledger_url="postgresql://user:hunter2@host/db", airflow_password="hunter2"
    )
    assert "hunter2" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRLOCK_OMP_NUM_THREADS", "0"),
        ("AIRLOCK_AIRFLOW_PORT", "65536"),
        ("AIRLOCK_MLFLOW_PORT", "-1"),
        ("AIRLOCK_TASK_SLOTS", "many"),
        ("AIRLOCK_WARM_WORKERS", "perhaps"),
    ],
)
def test_a_wrong_value_is_refused(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.removeprefix("AIRLOCK_").lower()):
        Settings(_env_file=None)


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Settings(_env_file=None).task_slots = 2
