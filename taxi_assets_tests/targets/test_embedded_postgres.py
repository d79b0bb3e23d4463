"""The embedded server's life: shared by processes, stopped by the last, back after every kind of accident."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from taxi_assets.targets import postgres_binaries
from taxi_assets.targets.embedded_postgres import EmbeddedPostgres, EmbeddedServerError
from taxi_assets.targets.postgres import PostgresTarget
from taxi_assets.targets.target import TargetError

ROOT = Path(__file__).parents[2]
NOBODY = 65534
CLIENT = """
    import sys, time
    from pathlib import Path
    from taxi_assets.targets.embedded_postgres import EmbeddedPostgres
    server = EmbeddedPostgres(Path(sys.argv[1]))
    print(server.start(), flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose cluster is made and stopped: copied by tests that need not see initdb."""
    home = tmp_path_factory.mktemp("made")
    server = EmbeddedPostgres(home)
    server.start()
    assert server.stop()
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Iterator[Path]:
    copied = tmp_path / "home"
    shutil.copytree(made, copied, ignore=shutil.ignore_patterns("socket"))
    yield copied
    EmbeddedPostgres(copied).stop()
    shutil.rmtree(copied, ignore_errors=True)  # 40 MB; a test that moved it has none


@pytest.fixture
def outside() -> Iterator[Path]:
    """A directory that other accounts may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def client(home: Path, code: str = CLIENT) -> "subprocess.Popen[str]":
    """A process that uses the server until its standard input ends; prints the URL when it is up."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )


def finished(process: "subprocess.Popen[str]") -> str:
    output, _ = process.communicate("\n", timeout=60)
    assert process.returncode == 0, output
    return output


def server_pid(home: Path) -> int:
    return int((home / "data" / "postmaster.pid").read_text().splitlines()[0])


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/exe").exists() if sys.platform == "linux" else _signalled(pid)


def _signalled(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def value(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall()[0][0] if cursor.description else None


def test_a_server_starts_from_nothing_and_keeps_its_data_over_a_restart(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "new" / "home")
    url = server.start()
    value(url, "CREATE TABLE kept AS SELECT 'grüezi' AS word")
    assert value(url, "SHOW server_encoding") == "UTF8"
    assert (value(url, "SHOW listen_addresses"), value(url, "SHOW synchronous_commit")) == ("", "on")
    assert server.socket_directory.stat().st_mode & 0o777 == 0o700
    assert server.stop()
    assert server.start() == url
    assert value(url, "SELECT word FROM kept") == "grüezi"
    assert server.stop()
    assert not server.stop()


def test_starting_twice_in_a_process_is_joining_once(home: Path) -> None:
    first, second = EmbeddedPostgres(home), EmbeddedPostgres(home)
    assert first.start() == second.start() == first.url
    assert second.stop()
    assert not first.stop()


def test_a_server_killed_hard_comes_back_with_its_rows(home: Path) -> None:
    server = EmbeddedPostgres(home)
    value(server.start(), "CREATE TABLE kept AS SELECT 1 AS x")
    os.kill(server_pid(home), signal.SIGKILL)
    assert value(server.start(), "SELECT x FROM kept") == 1
    assert server.stop()


def test_a_stale_pid_file_that_names_a_living_stranger_is_no_obstacle(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    pid_file = home / "data" / "postmaster.pid"
    text = pid_file.read_text()
    os.kill(server_pid(home), signal.SIGKILL)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        pid_file.write_text(text.replace(text.splitlines()[0], str(stranger.pid), 1))
        assert value(server.start(), "SELECT 1") == 1
        assert server.stop()
    finally:
        stranger.kill()
        stranger.wait()


def test_two_starters_at_once_share_one_server_and_the_last_to_leave_stops_it(home: Path) -> None:
    clients = [client(home) for _ in range(2)]
    urls = {process.stdout.readline() for process in clients if process.stdout}
    assert urls == {EmbeddedPostgres(home).url + "\n"}
    pid = server_pid(home)
    finished(clients[0])
    assert alive(pid)
    finished(clients[1])
    assert not (home / "data" / "postmaster.pid").exists()
    assert not alive(pid)


def test_killed_clients_leave_a_server_that_the_next_one_uses_and_stops(home: Path) -> None:
    killed = client(home)
    assert killed.stdout is not None
    killed.stdout.readline()
    pid = server_pid(home)
    killed.kill()
    killed.communicate()
    assert alive(pid)
    server = EmbeddedPostgres(home)
    server.start()
    assert server_pid(home) == pid
    assert server.stop()


def test_a_forked_child_neither_stops_its_parents_server_nor_keeps_it_alive(home: Path) -> None:
    code = """
        import os, sys
        from pathlib import Path
        from taxi_assets.targets.embedded_postgres import EmbeddedPostgres
        server = EmbeddedPostgres(Path(sys.argv[1]))
        server.start()
        pid = (server.data / "postmaster.pid").read_text().split()[0]
        child = os.fork()
        if child == 0:
            assert not server.stop()
            sys.exit(0)  # runs the exit handlers, which the child inherited
        os.waitpid(child, 0)
        assert (server.data / "postmaster.pid").read_text().split()[0] == pid
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "1"])  # outlives its parent
        print("parent done", flush=True)
    """
    process = client(home, code)
    assert process.stdout is not None
    assert process.stdout.readline() == "parent done\n"
    process.wait(30)
    assert not (home / "data" / "postmaster.pid").exists()


def test_a_home_that_moved_is_found_at_its_new_place(home: Path, tmp_path: Path) -> None:
    server = EmbeddedPostgres(home)
    value(server.start(), "CREATE TABLE kept AS SELECT 1 AS x")
    server.stop()
    moved = EmbeddedPostgres(home.rename(tmp_path / "moved to here"))
    assert value(moved.start(), "SELECT x FROM kept") == 1
    assert moved.stop()


def test_a_home_with_a_long_path_keeps_its_socket_in_the_temporary_directory(
    made: Path, tmp_path: Path
) -> None:
    home = tmp_path / ("deep " * 12) / ("ö" * 40)
    shutil.copytree(made, home, ignore=shutil.ignore_patterns("socket"))
    server = EmbeddedPostgres(home)
    assert home not in server.socket_directory.parents
    assert value(server.start(), "SELECT 1") == 1
    assert server.stop()
    assert not server.socket_directory.exists()


def test_an_interrupted_initdb_is_begun_anew(home: Path) -> None:
    (home / "data").rename(home / "data.initdb-1")
    (home / "data.initdb-1" / "PG_VERSION").unlink()
    server = EmbeddedPostgres(home)
    assert value(server.start(), "SELECT 1") == 1
    assert server.stop()
    assert not list(home.glob("data.initdb-*"))


def test_a_cluster_of_another_major_version_is_refused_untouched(home: Path) -> None:
    (home / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(TargetError, match=r"made by PostgreSQL 12, but the binaries in .* are of \d+"):
        EmbeddedPostgres(home).start()
    assert (home / "data" / "PG_VERSION").read_text() == "12\n"


def test_a_server_that_does_not_start_says_why(home: Path) -> None:
    with (home / "data" / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    with pytest.raises(EmbeddedServerError, match="no_such_setting"):
        EmbeddedPostgres(home).start()


def test_a_full_disk_is_reported_in_the_servers_words(tmp_path: Path) -> None:
    limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({2 << 20}, {resource.RLIM_INFINITY}))"
    code = f"import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n{limit}\n"
    process = client(tmp_path / "home", code + textwrap.dedent(CLIENT))
    output, _ = process.communicate("\n", timeout=60)
    assert process.returncode == 1
    assert "EmbeddedServerError: initdb could not make a Postgres cluster" in output
    assert "File too large" in output or "child process was terminated" in output
    assert not list((tmp_path / "home").glob("data*"))


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        EmbeddedServerError, match=r"no Postgres server under .*/file/home: .*Not a directory"
    ):
        EmbeddedPostgres(tmp_path / "file" / "home").start()


def test_a_target_that_is_embedded_starts_its_server_for_all_threads(home: Path) -> None:
    target = PostgresTarget(home=str(home))

    def load(month: int) -> int:
        return target.replace("trips", date(2024, month, 1), pa.table({"n": [month]}).to_reader()).rows

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(load, range(1, 5))) == [1] * 4
    assert target.read("trips", columns=["n"]).read_all()["n"].to_pylist() == [1, 2, 3, 4]
    socket = EmbeddedPostgres(home).socket_directory
    assert target.uri("trips", date(2024, 1, 1)) == f"postgresql:///taxi/taxi.trips_2024_01_01?host={socket}"
    with pytest.raises(TargetError, match="home"):
        PostgresTarget(url="embedded").partitions("trips")


def test_variables_of_another_server_do_not_matter(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = {"PGDATA": "/nowhere", "PGPORT": "1", "PGHOST": "example.invalid"}
    for name, text in (elsewhere | {"PGOPTIONS": "-c nothing=1"}).items():
        monkeypatch.setenv(name, text)
    server = EmbeddedPostgres(home)
    assert value(server.start(), "SELECT 1") == 1
    assert server.stop()


def python_of_everybody() -> str | None:
    """A Python of our version that an ordinary user can run, and that finds our packages."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (Path(sys.executable).resolve(), Path("/usr/bin") / version):
        if python.exists() and all(
            postgres_binaries._reachable(path, NOBODY)
            for path in (python, Path(psycopg.__file__).parent, ROOT)
        ):
            return str(python)
    return None


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user is what all tests here run as")
def test_an_ordinary_user_needs_no_namespace(outside: Path) -> None:
    python = python_of_everybody()
    if python is None:
        pytest.skip("no Python, or no packages, that an ordinary user can reach")
    os.chown(outside, NOBODY, NOBODY)
    packages = f"{Path(psycopg.__file__).parents[1]}:{ROOT}"
    process = subprocess.run(
        [python, "-c", textwrap.dedent(CLIENT), str(outside / "home")],
        input="\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        env={"PYTHONPATH": packages, "PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        check=False,
    )
    assert process.stdout.startswith("postgresql://postgres@/taxi?host="), process.stdout
    assert process.returncode == 0
    assert (outside / "home" / "data").stat().st_uid == NOBODY
    assert not (outside / "home" / "data" / "postmaster.pid").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root changes to another account")
def test_root_without_namespaces_runs_it_as_another_account(
    outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "_can_unshare", lambda: False)
    accounts = {entry.pw_uid for entry in postgres_binaries._accounts()}
    folder = postgres_binaries._find_folder(Path("/nowhere"))
    if not any(postgres_binaries._reachable(folder, uid) for uid in accounts):
        pytest.skip(f"no other account can reach {folder}")
    server = EmbeddedPostgres(outside / "home")
    assert value(server.start(), "SELECT 1") == 1
    assert server.data.stat().st_uid in accounts
    assert server.stop()


@pytest.mark.skipif(os.getuid() != 0, reason="only root is refused")
def test_root_in_a_home_that_nobody_else_may_enter_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "_can_unshare", lambda: False)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(TargetError, match=r"refuses to run as root.*TAXI_POSTGRES_URL"):
        EmbeddedPostgres(closed / "home").start()


def test_without_programs_the_error_names_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "_folders", lambda: [tmp_path])
    with pytest.raises(TargetError, match=r"no PostgreSQL programs.*TAXI_POSTGRES_URL"):
        EmbeddedPostgres(tmp_path / "home").start()
