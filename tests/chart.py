"""`make chart`: what Helm makes of our values, held against what our image and our parts need.

The chart is not ours, and its defaults are for another image: a side container whose program ours does not
have, a probe that ends what is well, a rule of the network that lets nobody in. The chart's own schema finds
none of that. Reads the objects that `helm template` prints.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import click
import kubernetes_validate
import yaml

from cli import components, pod_templates

SCHEMA_VERSION = "1.31"
Manifest = dict[str, Any]
_QUEUE = "airlock_celery_broker_url"


def faults_of(manifests: Iterable[Manifest]) -> list[str]:
    """Return what is wrong with rendered objects, a sentence each; empty if they can be installed."""
    objects = list(manifests)
    found = [*_not_of_the_schema(objects), *_closed_services(objects)]
    # Without Celery workers there is no queue to know of.
    unneeded = set() if any(owner.endswith("-worker") for owner, _ in _pods(objects)) else {_QUEUE}
    for owner, pod in _pods(objects):
        found += _foreign_containers(owner, pod, unneeded)
    return found


def _not_of_the_schema(objects: list[Manifest]) -> Iterator[str]:
    for manifest in objects:
        try:
            kubernetes_validate.validate(manifest, SCHEMA_VERSION, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{_name(manifest)} does not follow the schema of Kubernetes: {error.message}"


def _closed_services(objects: list[Manifest]) -> Iterator[str]:
    """What others call must be reachable: a policy of incoming traffic without rules lets nobody in."""
    called = [one["spec"]["selector"] for one in objects if one["kind"] == "Service"]
    for policy in (one for one in objects if one["kind"] == "NetworkPolicy"):
        spec = policy["spec"]
        closed = "Ingress" in spec["policyTypes"] and not spec.get("ingress")
        if closed and spec["podSelector"]["matchLabels"] in called:
            yield f"{_name(policy)} lets nobody reach the pods of a service"
        if "api-server" in spec["podSelector"]["matchLabels"].values() and not _lets_tasks_in(spec):
            yield f"{_name(policy)} keeps tasks away that run in pods of their own"


def _lets_tasks_in(spec: Manifest) -> bool:
    labels = pod_templates.pod("default")["metadata"]["labels"].items()
    peers = [peer for rule in spec.get("ingress", []) for peer in rule.get("from", [])]
    return any(
        peer["podSelector"]["matchLabels"].items() <= labels for peer in peers if "podSelector" in peer
    )


def _pods(objects: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    for manifest in objects:
        spec = manifest.get("spec", {})
        template = spec.get("template") or spec.get("jobTemplate", {}).get("spec", {}).get("template")
        if template:
            yield _name(manifest), template["spec"]


def _foreign_containers(owner: str, pod: Manifest, unneeded: set[str]) -> Iterator[str]:
    """Every container is a part of ours, asked by our program how it is, with its own secrets only."""
    files = {
        item["path"]
        for volume in pod.get("volumes", [])
        for item in volume.get("secret", {}).get("items", [])
    }
    for container in [*(pod.get("initContainers") or []), *pod["containers"]]:
        place = f"{owner}, container {container['name']}"
        words = [*container.get("command", []), *container.get("args", [])]
        if words[:2] != ["./airlock", "component"]:
            yield f"{place} runs {' '.join(words)!r}: no part of Airlock"
            continue
        needed = set(components.secret_files(words[2])) - unneeded
        if files != needed:
            yield f"{place} is given the secrets {sorted(files)}, and {words[2]} needs {sorted(needed)}"
        if container["image"] != pod_templates.IMAGE:
            yield f"{place} has the image {container['image']}, tasks have {pod_templates.IMAGE}"
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = container.get(kind, {}).get("exec", {}).get("command", [])
            if asked and asked != ["./airlock", "component", words[2], "--healthy"]:
                yield f"{place}: its {kind} asks {' '.join(asked)!r}, which our image does not have"


def _name(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


if __name__ == "__main__":
    read = [manifest for manifest in yaml.safe_load_all(sys.stdin) if manifest]
    if not read:
        sys.exit("Nothing was rendered; see what helm said")
    for fault in (faults := faults_of(read)):
        click.echo(fault)
    click.echo(f"{len(read)} objects, {len(faults)} faults")
    sys.exit(1 if faults else 0)
