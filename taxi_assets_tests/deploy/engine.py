"""A container engine for a test: the one that is there, or one that is started for it and ends with it.

Started here it needs root and Debian's ``docker.io`` (``apt-get install docker.io debootstrap``), and keeps
everything in a directory that is deleted: no image, volume or network stays. Where no engine can be had,
``EngineUnavailable`` says why, and tests skip with it.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from taxi_assets_tests.servers.processes import stop

READY_WITHIN = 60  # seconds; 2 when the machine is idle


class EngineUnavailable(RuntimeError):  # noqa: N818 - a state, and the reason of a skip
    """No engine answers, and none can be started."""


@dataclass(frozen=True)
class Engine:
    """An engine that answers.

    Attributes:
        docker: Its command.
        host: Where it listens, for ``DOCKER_HOST``; None for the usual place.
        ours: Whether it was started for this test.
    """

    docker: str
    host: str | None
    ours: bool

    @property
    def environment(self) -> dict[str, str]:
        """Variables for its commands."""
        return {**os.environ, "DOCKER_BUILDKIT": "1", **({"DOCKER_HOST": self.host} if self.host else {})}

    def run(self, *arguments: str, check: bool = True) -> str:
        """The output of a ``docker`` command; its errors raise with what it said."""
        return said([self.docker, *arguments], self.environment, check=check)

    def has_image(self, name: str) -> bool:
        """Whether it holds an image."""
        return bool(self.run("images", "--quiet", name))


def said(line: list[str], environment: Mapping[str, str], *, check: bool = True) -> str:
    """The output of a command, errors included; a failure raises with its end."""
    done = subprocess.run(
        line,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(f"{' '.join(line[:6])} ... ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def compose_command() -> str:
    """The Compose that the development environment brings."""
    beside = Path(sys.executable).with_name("docker-compose")
    found = str(beside) if beside.exists() else shutil.which("docker-compose")
    if found is None:
        raise EngineUnavailable("there is no docker-compose: it comes with the group `dev` of pyproject.toml")
    return found


@contextmanager
def container_engine(folder: Path) -> Iterator[Engine]:
    """An engine for the length of the block.

    Args:
        folder: Where one of our own keeps its images and volumes: some 5 GB.

    Raises:
        EngineUnavailable: There is none; the message says why.
    """
    docker = _building_docker()
    if docker and answers(Engine(docker, None, ours=False)):
        yield Engine(docker, None, ours=False)
        return
    daemon = shutil.which("dockerd")
    if daemon is None:
        raise EngineUnavailable("no container engine answers, and dockerd is not installed")
    if docker is None:
        raise EngineUnavailable("no docker command here can build with BuildKit")
    if os.geteuid() != 0:
        raise EngineUnavailable("no container engine answers, and only root can start one")
    folder.mkdir(parents=True)
    socket = folder / "docker.sock"
    line = [
        *(daemon, "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
        *("--pidfile", str(folder / "pid"), "-H", f"unix://{socket}"),
        *("--storage-driver", "overlay2", "--default-ulimit", "nofile=8192:8192"),
    ]
    log = folder / "dockerd.log"
    with log.open("wb") as output:
        process = subprocess.Popen(line, stdout=output, stderr=output)
    engine = Engine(docker, f"unix://{socket}", ours=True)
    try:
        deadline = time.monotonic() + READY_WITHIN
        while not answers(engine):
            if process.poll() is not None or time.monotonic() > deadline:
                raise EngineUnavailable(f"dockerd does not start here: {log.read_text()[-600:]}")
            time.sleep(0.5)
        yield engine
    finally:
        stop(process, within=60)
        shutil.rmtree(folder, ignore_errors=True)


def _building_docker() -> str | None:
    """The first command that can build with BuildKit: newer ones need a plugin that may be missing."""
    for found in filter(None, (shutil.which("docker"), "/usr/bin/docker")):
        line, environment = [found, "build", "--help"], {**os.environ, "DOCKER_BUILDKIT": "1"}
        if Path(found).exists() and said_nothing_against(line, environment):
            return found
    return None


def said_nothing_against(line: list[str], environment: Mapping[str, str]) -> bool:
    """Whether a command ends well."""
    return subprocess.run(line, env=dict(environment), capture_output=True, check=False).returncode == 0


def answers(engine: Engine) -> bool:
    """Whether an engine can be asked."""
    line = [engine.docker, "version", "--format", "{{.Server.Version}}"]
    return said_nothing_against(line, engine.environment)
