"""The texts in the settings that nobody may read in a message, whatever wrote it."""

import re
from urllib.parse import parse_qsl, unquote, urlsplit

from taxi_assets.settings import Settings

_SHORTEST_SECRET = 4  # hiding every "a" would leave no readable word, and tell the secret's letters


def secrets_of(settings: Settings) -> set[str]:
    """Every text in the settings that must not be shown."""
    found: set[str] = set()
    stores = (settings.postgres_url, settings.lake_url, settings.warehouse_url)
    for url in (*stores, settings.source_url, settings.landing_url):
        found |= _secrets_in(url)
    found |= set(settings.alert_urls)
    return {secret for secret in found if len(secret) >= _SHORTEST_SECRET}


def masked(text: str, secrets: set[str]) -> str:
    """``text`` with ``***`` in the place of each secret."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _secrets_in(url: str) -> set[str]:
    password = re.search(r"://[^/@:]*:([^/@]*)@", url)
    found = {password[1], unquote(password[1])} if password else set()
    try:
        query = urlsplit(url).query
    except ValueError:  # brackets that hold no address
        return found
    # A signed URL keeps its signature under any name, Postgres its password under this one.
    public = url.startswith(("postgres", "bigquery:", "synthetic"))
    return found | {value for name, value in parse_qsl(query) if not public or "password" in name}
