"""The people to tell: one channel for each of Apprise's URLs, so that a bad one does not silence the others.

The URLs are secrets as a whole: a Slack URL is nothing but tokens, and Apprise logs what it can't read. So
nothing of them is ever shown but the scheme, and the host where a host stands there; and what Apprise and the
HTTP client log while they work is heard by nobody.
"""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from apprise import NotifyBase

MessageKind: TypeAlias = Literal["info", "success", "warning", "failure"]

TIMEOUT = 20.0
"""Seconds for one message over one channel; a sensor's tick has 60 in all."""

_HOSTED = frozenset({"http", "https", "form", "forms", "json", "jsons", "xml", "xmls", "mailto", "mailtos"})
"""Schemes after which a host stands. After most others it is a token, a topic or a number."""

_SILENCE = threading.Lock()


@dataclass(frozen=True)
class Channel:
    """One URL of ``TAXI_ALERT_URLS``."""

    url: str = field(repr=False)

    @property
    def name(self) -> str:
        """What may be shown of it: ``slack://…``, ``jsons://hooks.example.com``."""
        scheme = self.url.partition("://")[0].lower()
        # A second @ is one in a password that should be %40: what stands behind the first is no host.
        shown = scheme in _HOSTED and self.url.partition("?")[0].count("@") <= 1
        try:
            host = urlsplit(self.url).hostname if shown else None
        except ValueError:  # brackets that hold no address
            host = None
        return f"{scheme}://{host or '…'}"

    def understood(self) -> bool:
        """Whether Apprise knows what to do with the URL; nothing is sent."""
        with _unheard():
            return self._service() is not None

    def send(self, title: str, body: str, kind: MessageKind = "info") -> str | None:
        """Send a message; says in words why it did not go, or None if it did."""
        from apprise import Apprise, NotifyFormat, NotifyType

        with _unheard() as codes:
            service = self._service()
            if service is None:
                return "Apprise does not understand the URL"
            apprise = Apprise()
            apprise.add(service)
            went = apprise.notify(
                body=body,
                title=title,
                notify_type=NotifyType(kind),
                body_format=NotifyFormat.TEXT,
                timeout=TIMEOUT,
            )
        if went:
            return None
        return f"it answered {codes[-1]}" if codes else "no answer, or it was refused"

    def _service(self) -> "NotifyBase | None":
        # Here, not above: 0.4 s and 120 modules that a code location without alerts need not load.
        from apprise import Apprise, AppriseAsset

        asset = AppriseAsset(app_id="taxi_assets", app_desc="taxi_assets", async_mode=False)
        return Apprise.instantiate(self.url, asset=asset)


def channels_of(urls: str) -> list[Channel]:
    """A channel for each URL in a text of them."""
    return [Channel(url) for url in urls.split()]


@contextmanager
def _unheard() -> Iterator[list[str]]:
    """Keep to ourselves what is logged inside; gives the HTTP status codes that were told of."""
    codes: list[str] = []

    class Codes(logging.Handler):
        """Picks the one thing that is safe to repeat."""

        def emit(self, record: logging.LogRecord) -> None:
            codes.extend(re.findall(r"error[= ](\d{3})\b", record.getMessage()))

    apprise, client = logging.getLogger("apprise"), logging.getLogger("urllib3.connectionpool")
    with _SILENCE:
        handlers, propagate = client.handlers, client.propagate
        for logger in (apprise, client):
            logger.handlers, logger.propagate = [Codes()], False
        try:
            yield codes
        finally:
            # Apprise's own stays silent: after a timeout it goes on in a thread of its own.
            client.handlers, client.propagate = handlers, propagate
