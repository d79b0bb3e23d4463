"""The two object stores, by the same tests where they promise the same."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxi_assets.targets.objects import ObjectInfo, ObjectStore, open_objects
from taxi_assets.targets.objects.local import LocalObjects
from taxi_assets.targets.objects.objects import checked_key
from taxi_assets_tests.servers.gcs import GcsServer, fake_gcs

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsServer]:
    with fake_gcs(tmp_path_factory.mktemp("servers") / "gcs") as running:
        running.create_bucket("objects")
        yield running


@pytest.fixture(params=["local", "gs"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "local":
        return str(tmp_path / "store")
    running: GcsServer = request.getfixturevalue("server")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", running.endpoint)
    return f"gs://objects/{uuid.uuid4().hex}"


@pytest.fixture
def store(url: str) -> ObjectStore:
    return open_objects(url)


def put(store: ObjectStore, key: str, content: bytes, facts: dict[str, str] | None = None) -> None:
    written = store.scratch() / uuid.uuid4().hex
    written.write_bytes(content)
    store.put(written, key, facts)
    assert not written.exists()


def content(store: ObjectStore, key: str) -> bytes:
    with store.local_path(key) as path:
        return path.read_bytes()


def test_what_is_put_is_there_with_its_facts(store: ObjectStore) -> None:
    put(store, "raw/a=1/file.csv", b"hello", {"version": "é", "source": "x"})
    info = store.stat("raw/a=1/file.csv")
    assert info is not None
    assert (info.key, info.size, dict(info.facts)) == ("raw/a=1/file.csv", 5, {"version": "é", "source": "x"})
    assert content(store, "raw/a=1/file.csv") == b"hello"
    with store.open_input("raw/a=1/file.csv") as file:
        assert file.seek(-2, 2) == 3
        assert file.read() == b"lo"
    assert store.uri("raw/a=1/file.csv").endswith("/raw/a=1/file.csv")


def test_putting_again_replaces_content_and_facts(store: ObjectStore) -> None:
    put(store, "k", b"one", {"version": "1"})
    before = store.stat("k")
    put(store, "k", b"two!", {"version": "2"})
    put_again = store.stat("k")
    assert before is not None
    assert put_again is not None
    assert (put_again.size, put_again.facts["version"]) == (4, "2")
    assert put_again.version != before.version
    assert put_again.changed >= before.changed
    put(store, "k", b"three")
    assert (store.stat("k") or before).facts == {}


def test_a_list_is_sorted_recursive_and_without_what_is_hidden(store: ObjectStore) -> None:
    for key in ("t/b=2/x", "t/b=1/x", "t/b=1/_manifest.json", "t/.hidden/x", "tt/x", "t/y"):
        put(store, key, b"", {"a": "b"})
    assert [info.key for info in store.list("t")] == ["t/b=1/x", "t/b=2/x", "t/y"]
    assert [info.key for info in store.list("")] == ["t/b=1/x", "t/b=2/x", "t/y", "tt/x"]
    assert list(store.list("nothing")) == []
    assert store.stat("t/b=1/_manifest.json") is not None


def test_what_is_deleted_is_gone_and_deleting_it_again_does_no_harm(store: ObjectStore) -> None:
    put(store, "t/a/x", b"1", {"f": "1"})
    put(store, "t/b/x", b"2")
    for _ in range(2):
        store.delete("t/a/x")
    assert store.stat("t/a/x") is None
    assert [info.key for info in store.list("")] == ["t/b/x"]
    with pytest.raises(FileNotFoundError), store.local_path("t/a/x"):
        pass
    with pytest.raises(FileNotFoundError):
        store.open_input("t/a/x").read()


def test_what_was_found_is_deleted_only_if_it_is_still_that_version(store: ObjectStore) -> None:
    put(store, "t/x", b"old", {"f": "1"})
    found = store.stat("t/x")
    assert found is not None
    put(store, "t/x", b"new", {"f": "2"})
    store.delete_found(found)
    assert content(store, "t/x") == b"new"
    now = store.stat("t/x")
    assert now is not None
    assert now.facts == {"f": "2"}
    for _ in range(2):
        store.delete_found(now)
    assert list(store.list("")) == []


def test_cloud_storage_is_told_which_generation_to_delete_and_may_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    class ReplacedMeanwhile(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, b'{"name": "t/x", "generation": "7", "size": "1"}')

        def do_DELETE(self) -> None:
            asked.append(self.path)
            self._answer(412, b"{}")

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with HTTPServer(("127.0.0.1", 0), ReplacedMeanwhile) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
        open_objects("gs://objects").delete_found(ObjectInfo("t/x", 1, version="7"))
        server.shutdown()
    (path,) = asked
    assert "ifGenerationMatch=7" in path


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\\b", "a/\0", "a/.."]
)
def test_a_key_that_leads_out_of_the_root_is_refused(store: ObjectStore, key: str) -> None:
    source = store.scratch() / "file"
    source.write_bytes(b"")
    for operation in (
        lambda: store.put(source, key),
        lambda: store.stat(key),
        lambda: store.delete(key),
        lambda: store.open_input(key),
        lambda: store.uri(key),
    ):
        with pytest.raises(ValueError, match="not a path below the root"):
            operation()


@given(st.text(alphabet="ab./\\_=é", max_size=12))
def test_an_accepted_key_stays_below_any_root(key: str) -> None:
    try:
        accepted = checked_key(key)
    except ValueError:
        return
    assert Path(os.path.normpath(f"/root/{accepted}")).is_relative_to("/root")
    assert accepted == key


@pytest.mark.parametrize(
    "url", ["", "s3://bucket/x", "gs://", "gs://bucket/../x", "file://host/x", "http://x/y"]
)
def test_a_url_that_is_none_of_ours_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"neither|gs://bucket|host|below the root"):
        open_objects(url)


def test_a_link_that_leads_out_of_the_directory_is_refused(tmp_path: Path) -> None:
    store = LocalObjects(tmp_path / "store")
    put(store, "a", b"")
    (tmp_path / "store" / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="through a link"):
        put(store, "link/x", b"")


def test_who_has_opened_a_file_goes_on_reading_it(tmp_path: Path) -> None:
    store = LocalObjects(tmp_path)
    put(store, "k", b"old content")
    with store.open_input("k") as file:
        assert file.read(3) == b"old"
        put(store, "k", b"NEW CONTENT")
        assert file.read() == b" content"


def test_an_object_replaced_while_it_is_read_says_so_and_mixes_nothing(
    server: GcsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
    store = open_objects(f"gs://objects/{uuid.uuid4().hex}")
    put(store, "k", b"old")
    file = store.open_input("k")
    put(store, "k", b"new")
    with pytest.raises(FileNotFoundError, match="was replaced"):
        file.read()


def test_facts_too_large_for_cloud_storage_are_refused(
    server: GcsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
    store = open_objects("gs://objects/large")
    with pytest.raises(ValueError, match="8192"):
        put(store, "k", b"", {"a": "ä" * 5000})
    assert store.stat("k") is None


def test_facts_of_another_file_are_ignored(tmp_path: Path) -> None:
    store = LocalObjects(tmp_path)
    put(store, "k", b"one", {"version": "1"})
    (tmp_path / "k").write_bytes(b"by hand")
    info = store.stat("k")
    assert info is not None
    assert (info.size, dict(info.facts)) == (7, {})


def test_a_crash_between_the_two_renames_leaves_the_old_file_with_its_facts(tmp_path: Path) -> None:
    store = LocalObjects(tmp_path)
    put(store, "k", b"one", {"version": "1"})
    new = store.scratch() / "new"
    new.write_bytes(b"two!")
    store._write_facts(new, tmp_path / "k", {"version": "2"})  # and here it dies
    assert (store.stat("k") or pytest.fail("gone")).facts == {"version": "1"}
    store.put(new, "k", {"version": "2"})
    assert (store.stat("k") or pytest.fail("gone")).facts == {"version": "2"}


def test_a_file_of_another_filesystem_is_put_too(tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second filesystem here")
    source = other / uuid.uuid4().hex
    source.write_bytes(b"from afar")
    store = LocalObjects(tmp_path)
    store.put(source, "k", {"version": "1"})
    assert not source.exists()
    assert content(store, "k") == b"from afar"
    assert list(store.scratch().iterdir()) == []


_WRITER = """
import sys
from taxi_assets.targets.objects import open_objects
path = open_objects(sys.argv[1]).scratch() / "half"
path.write_bytes(b"x")
print(path, flush=True)
sys.stdin.read()
"""


def test_scratch_of_a_dead_process_is_removed_and_of_a_living_one_is_not(url: str) -> None:
    store = open_objects(url)
    command = [sys.executable, "-c", _WRITER, url]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        half = Path(writer.stdout.readline().strip())
        put(store, "a", b"")
        assert half.exists()
        writer.kill()
        writer.wait()
    assert half.exists()
    put(store, "b", b"")
    assert not half.exists()
    assert not half.parent.exists()
    assert store.scratch().is_dir()


def test_a_download_leaves_nothing_behind(store: ObjectStore) -> None:
    put(store, "a/b.parquet", b"12345")
    with store.local_path("a/b.parquet") as path:
        assert path.name == "b.parquet"
    assert list(store.scratch().iterdir()) == []


def test_what_was_found_is_opened_in_that_version_or_not_at_all(store: ObjectStore) -> None:
    put(store, "k", b"first")
    found = store.stat("k")
    assert found is not None
    with store.open_found(found) as file:
        assert file.read() == b"first"
    with store.found_path(found) as path:
        assert path.name == "k"
        put(store, "k", b"later")
        assert path.read_bytes() == b"first"
    with pytest.raises(FileNotFoundError), store.open_found(found) as file:
        file.read()
    with pytest.raises(FileNotFoundError), store.found_path(found):
        pass
    assert list(store.scratch().iterdir()) == []


def test_reading_an_object_does_not_make_it_newer(store: ObjectStore) -> None:
    put(store, "k", b"1")
    before = store.stat("k")
    assert before is not None
    with store.found_path(before):
        pass
    assert store.stat("k") == before
