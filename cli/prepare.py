"""`python -m cli.prepare`: databases and buckets as the installed versions want them, before anything starts.

Safe to repeat: what is there already stays.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from include.errors import ConfigurationError, Outage
from include.settings import get_settings
from include.storage import is_s3

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

    from include.settings import Settings


def prepare(settings: Settings) -> list[str]:
    """Migrate Airflow's database, make the ledger's table and the buckets; return what was made or found.

    Raises:
        Outage: a server did not answer.
        ConfigurationError: the object store refuses to make a bucket.
    """
    from include.ledger import Ledger

    done = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Outage(f"`airflow db migrate` failed: {(done.stderr or done.stdout).strip()[-2000:]}")
    decisions, _ = Ledger(settings.ledger).verify()
    return ["Airflow's metadata", f"the ledger, {decisions} decisions", *_buckets(settings)]


def buckets_of(settings: Settings) -> list[str]:
    """Return the buckets that the settings name."""
    urls = (settings.lake, settings.landing, settings.mlflow_artifacts_url, settings.task_logs_url)
    return sorted({urlsplit(url).netloc for url in urls if is_s3(url)})


def _buckets(settings: Settings) -> list[str]:
    from boto3.session import Session
    from botocore.exceptions import BotoCoreError, ClientError

    names = buckets_of(settings)
    if not names:
        return []
    client: S3Client = Session().client(
        "s3", endpoint_url=settings.s3_endpoint_url or None, region_name=settings.s3_region
    )
    for name in names:
        try:
            client.create_bucket(Bucket=name)
        except client.exceptions.BucketAlreadyOwnedByYou:
            continue
        except ClientError as error:
            if error.response["Error"]["Code"] in {"BucketAlreadyExists", "BucketAlreadyOwnedByYou"}:
                continue
            raise ConfigurationError(
                f"Bucket {name} cannot be made: {error}. Make it by hand, or give `prepare` a key that may"
            ) from error
        except BotoCoreError as error:
            raise Outage(f"The object store did not answer: {error}") from error
    return [f"bucket {name}" for name in names]


if __name__ == "__main__":
    for found in prepare(get_settings()):
        click.echo(f"ready: {found}")
