"""The image is built and the stack started for real; each container is killed while months are loaded."""

import json
import re
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from taxi_assets_tests.deploy.engine import Engine, EngineUnavailable, compose_command, container_engine
from taxi_assets_tests.deploy.stack import IMAGE, ROOT, Stack, running_stack
from taxi_assets_tests.deploy.stand_ins import PYTHON, provide_base_images

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("containers")]

MONTHS = ("2023-01", "2023-02")
LAYERS = ("raw", "cleaned", "quarantined", "postgres", "lake", "warehouse")
SETTINGS = {
    "TAXI_SOURCE_URL": "synthetic?rows=100000&seed=1",
    "TAXI_MONTHS_PER_RUN": "yellow=1,green=1,fhv=1,fhvhv=1",
    "TAXI_RETRY_SECONDS": "1",
}

FORBIDDEN = {
    "cc",
    "gcc",
    "g++",
    "c++",
    "clang",
    "ld",
    "as",
    "make",
    "sudo",
    "su",
    ".env",
    "id_rsa",
    ".netrc",
    "pip.conf",
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("containers")
    try:
        compose_command()
        with container_engine(folder / "engine") as engine:
            provide_base_images(engine, folder)
            engine.run("build", "--network", "host", "--tag", IMAGE, str(ROOT))
            yield engine
    except EngineUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def stack(engine: Engine) -> Iterator[Stack]:
    with running_stack(engine, SETTINGS) as stack:
        yield stack


@pytest.mark.parametrize(
    ("killed", "service"),
    [("code", "green"), ("postgres", "yellow"), ("daemon", "fhv"), ("webserver", "fhvhv")],
)
def test_months_are_loaded_whole_although_a_container_is_killed_meanwhile(
    stack: Stack, killed: str, service: str
) -> None:
    backfill = stack.backfill([f"{layer}/{service}_trips" for layer in LAYERS], MONTHS)
    stack.wait(lambda: stack.runs("STARTED", **{"dagster/backfill": backfill}), 900)
    stack.kill(killed)
    # Minutes when the machine is idle. A run that dies while it starts is noticed after three of them.
    stack.wait(lambda: stack.backfill_status(backfill).startswith(("COMPLETED", "FAILED")), 1500)
    stack.wait(lambda: not stack.runs("STARTED", "STARTING", "QUEUED", **{"dagster/backfill": backfill}), 900)
    assert stack.backfill_status(backfill) == "COMPLETED_SUCCESS"
    assert set(MONTHS) <= set(stack.whole_months(service))


def test_all_stores_hold_what_dagster_believes_after_all_of_it(stack: Stack) -> None:
    run = stack.launch("reconcile")
    stack.wait(lambda: stack.run_status(run) in {"SUCCESS", "FAILURE"}, 600)
    assert stack.run_status(run) == "SUCCESS"
    assert stack.check_status("reconciliation", "stores_hold_what_dagster_believes") == "SUCCEEDED"


def test_each_role_of_the_database_is_let_into_its_own_database_only(stack: Stack) -> None:
    for role, own, other in (("dagster", "dagster", "taxi"), ("trips", "taxi", "dagster")):
        password = "made-up-" + {"dagster": "d", "trips": "t"}[role]

        def connect(database: str, role: str = role, password: str = password) -> str:
            url = f"postgresql://{role}:{password}@127.0.0.1/{database}"
            command = ("exec", "-T", "postgres", "psql", "--tuples-only", url, "--command")
            return stack.compose(
                *command, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user", check=False
            )

        assert connect(own).strip() == "f"
        assert "permission denied" in connect(other)


def test_no_container_can_write_outside_its_volumes_or_is_root(stack: Stack) -> None:
    for service in ("webserver", "daemon", "code", "postgres"):
        assert stack.inside(service, "id", "-u").strip() in {"10001", "999"}
        refused = stack.inside(service, "sh", "-c", "touch /opt/here 2>&1 || true")
        assert "Read-only file system" in refused


def test_the_commands_for_people_work_in_the_container_of_the_code(stack: Stack) -> None:
    told = stack.compose("exec", "-T", "code", "taxi-assets", "doctor", check=False)
    assert "Traceback" not in told, told
    assert "belongs to the installation" in " ".join(told.split())
    assert "problem " not in told, told
    stack.inside("code", "taxi-assets", "load", "green", "2023-03")
    assert "2023-03" in stack.whole_months("green")


def test_our_layers_hold_no_secret_no_compiler_and_nothing_that_changes_who_one_is(engine: Engine) -> None:
    told = json.loads(engine.run("inspect", IMAGE))[0]
    assert told["Config"]["User"] == "10001:10001"
    assert told["Config"]["Healthcheck"]["Test"][0] == "CMD"
    assert told["Config"]["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert not [
        line for line in told["Config"]["Env"] if re.search("(?i)password|secret|token|credential", line)
    ]
    history = engine.run("history", "--no-trunc", "--format", "{{.CreatedBy}}", IMAGE)
    assert not re.search(r"(?i)password|secret=|token=|://[^/\s]*:[^/\s]*@", history)
    for name, mode, content in files_of_our_layers(engine):
        assert not mode & 0o6000, f"{name} changes who runs it"
        assert Path(name).name not in FORBIDDEN, name
        assert not re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]{40}", content), name


def files_of_our_layers(engine: Engine) -> Iterator[tuple[str, int, bytes]]:
    """Name, mode and beginning of each file that our build adds to the base image."""
    base = json.loads(engine.run("inspect", PYTHON))[0]["RootFS"]["Layers"]
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "image.tar"
        engine.run("save", "--output", str(saved), IMAGE)
        with tarfile.open(saved) as image:
            manifest = image.extractfile("manifest.json")
            assert manifest is not None
            for layer in json.load(manifest)[0]["Layers"][len(base) :]:
                packed = image.extractfile(layer)
                assert packed is not None
                with tarfile.open(fileobj=packed) as files:
                    for file in files:
                        content = files.extractfile(file) if file.isfile() else None
                        yield (
                            file.name,
                            file.mode if file.isfile() else 0,
                            content.read(4096) if content else b"",
                        )
