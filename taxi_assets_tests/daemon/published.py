"""Months on the test CDN: published, published anew, spoilt, slow."""

from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from taxi_assets.tlc.services import SERVICES, parse_month
from taxi_assets_tests.assets.graph import publish
from taxi_assets_tests.servers.cdn import Cdn, Request
from taxi_assets_tests.servers.faults import Fault


@dataclass
class PublishedMonths:
    """What the TLC has published, as far as this test is concerned."""

    cdn: Cdn
    folder: Path

    def publish(self, service: str, *keys: str, rows: int = 2000, seed: int = 1) -> None:
        """Publish made-up months, or publish them anew."""
        publish(self.folder, service, *keys, rows=rows, seed=seed)
        for key in keys:
            self.publish_bytes(service, key, (self.folder / self._name(service, key)).read_bytes())

    def publish_bytes(self, service: str, key: str, content: bytes) -> None:
        """Publish whatever it is as a month."""
        self.cdn.publish(self._path(service, key), content)

    def take_away(self, service: str, key: str) -> None:
        """The month answers 403, as if it had never been published."""
        self.cdn.remove(self._path(service, key))

    def next_answers(self, service: str, key: str, *faults: Fault) -> None:
        """Let the next answers for a month fail like this."""
        self.cdn.script(self._path(service, key), *faults)

    def downloads(self, service: str, key: str) -> list[Request]:
        """Who fetched the month's bytes; a conditional request that finds nothing new has none."""
        return [
            one
            for one in self.cdn.downloads(self._path(service, key))
            if one.status != HTTPStatus.NOT_MODIFIED
        ]

    def _name(self, service: str, key: str) -> str:
        return SERVICES[service].file_name(parse_month(key))  # type: ignore[index]

    def _path(self, service: str, key: str) -> str:
        return f"trip-data/{self._name(service, key)}"
