"""The servers of the suite, each behind a proxy that can cut its clients off, and able to be restarted."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from taxi_assets.targets.embedded_postgres import DATABASE, EmbeddedPostgres
from taxi_assets.targets.postgres_binaries import find_tools
from taxi_assets_tests.contract.proxy import proxy
from taxi_assets_tests.contract.targets import BUCKET, Servers, environment
from taxi_assets_tests.servers.bigquery import EmulatorUnavailable, bigquery_emulator
from taxi_assets_tests.servers.gcs import fake_gcs


class FaultyServers(Servers):
    """One server of its own, of the kind that is asked for first. It keeps its data over a restart."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        super().__init__(directory, stack)
        self._running = stack.enter_context(ExitStack())
        self._start: Callable[[], None] | None = None
        self.proxy = stack.enter_context(proxy())

    @property
    def has_one(self) -> bool:
        """Whether the target asked for a server."""
        return self._start is not None

    def restart(self) -> None:
        """Stop the server as it stands, and start it again over its data."""
        assert self._start is not None
        self._running.close()
        self._start()

    def gcs(self) -> str:
        """Name of a bucket."""

        def start() -> None:
            server = self._running.enter_context(fake_gcs(self._directory / "gcs", self.proxy.endpoint))
            self.proxy.server = _address(server.endpoint)

        self._serve(start)
        self._stack.enter_context(environment("STORAGE_EMULATOR_HOST", self.proxy.endpoint))
        (self._directory / "gcs" / BUCKET).mkdir()
        return BUCKET

    def postgres(self) -> str:
        """URL of a database, over TCP. Stopping the server is a crash: it has no time to tidy up."""
        server = EmbeddedPostgres(self._directory / "postgres")

        def crash() -> None:
            tools = find_tools(server.home)
            tools.run("pg_ctl", "stop", "-m", "immediate", "-w", "-D", str(server.data))

        def start() -> None:
            server.start()
            self._running.callback(crash)
            self.proxy.server = f"{server.socket_directory}/.s.PGSQL.5432"

        self._stack.callback(server.stop)
        self._serve(start)
        return f"postgresql://postgres@127.0.0.1:{self.proxy.port}/{DATABASE}"

    def bigquery(self) -> str:
        """Name of a project."""
        data = self._directory / "bigquery"

        def start() -> None:
            try:
                emulator = self._running.enter_context(bigquery_emulator(data=data))
            except EmulatorUnavailable as reason:
                pytest.skip(str(reason))
            self.proxy.server = _address(emulator.endpoint)

        self._serve(start)
        self._stack.enter_context(environment("BIGQUERY_EMULATOR_HOST", self.proxy.endpoint))
        return "faults"

    def _serve(self, start: Callable[[], None]) -> None:
        start()
        self._start = start


def _address(endpoint: str) -> tuple[str, int]:
    parts = urlsplit(endpoint)
    return str(parts.hostname), int(parts.port or 80)
