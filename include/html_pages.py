"""Pages for people: one HTML file each that needs no other, rendered from a template."""

from __future__ import annotations

from pathlib import Path


def render(template: Path, **facts: object) -> bytes:
    """Render a template. Text in the facts is escaped, and a fact that it asks for must be given."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template(template.name).render(**facts).encode()
