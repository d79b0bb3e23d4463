"""From words to one HTML file that asks for nothing: no script, no font, no picture from anywhere.

Its own policy says so (``Content-Security-Policy``), so that a browser would refuse even what a mistake in a
template let through. Every value is escaped, and no secret of the settings is written, whoever said it.
"""

import hashlib
from collections.abc import Set
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from taxi_assets.reports.figures import moment, number
from taxi_assets.setting_secrets import masked

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = files("taxi_assets.reports") / "templates"


def page(template: str, secrets: Set[str], **values: Any) -> str:
    """A template with its values.

    Args:
        template: Its file's name.
        secrets: What must not be in the page.
        values: What it shows.
    """
    return _environment(frozenset(secrets)).get_template(template).render(**values)


@cache
def look() -> str:
    """Changes with the templates, so that a page is made again that would look different."""
    texts = sorted((one.name, one.read_text(encoding="utf-8")) for one in _TEMPLATES.iterdir())
    return hashlib.sha256(repr(texts).encode()).hexdigest()[:16]


@cache
def _environment(secrets: frozenset[str]) -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def shown(value: object) -> object:
        """A value on its way to the page; ``Markup`` is our own."""
        return (
            masked(value, set(secrets)) if isinstance(value, str) and not isinstance(value, Markup) else value
        )

    environment = Environment(
        loader=PackageLoader("taxi_assets.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "moment": moment, "address": _address}
    return environment


def _address(text: str) -> str:
    """A URL that a page may link to, or '': no ``javascript:``, no path of one machine."""
    return text if text.startswith(("https://", "http://")) else ""
