"""Machines that have only the network in common: Linux's network namespaces, joined by a bridge of our own.

The test process itself moves into the middle, so servers that it starts are there, and their traffic never
leaves the namespaces. Cutting a machine off takes its cable away: what was sent is lost, nobody is told, and
connections go on when it is plugged in again, as with a real switch that fails.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ADDRESS = "10.77.0.1"
"""Of the middle, inside the namespaces alone."""

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_OURS = Path("/proc/thread-self/ns/net")
_READY_WITHIN = 10.0


class NoNamespaces(RuntimeError):  # noqa: N818 - a state, and the reason of a skip
    """This machine does not let us make network namespaces."""


@dataclass
class Machine:
    """One machine at the end of a cable.

    Attributes:
        name: What it is called.
        holder: The process that keeps its namespace.
    """

    name: str
    holder: "subprocess.Popen[bytes]"

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> "subprocess.Popen[bytes]":
        """Start a program on it."""
        with log.open("ab") as output:
            return subprocess.Popen(
                ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *command],
                env=dict(environment),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def cut_off(self) -> None:
        """Take its cable away."""
        _ip("link", "set", self.name, "down")

    def plug_in(self) -> None:
        """Give it back."""
        _ip("link", "set", self.name, "up")

    def fall_asleep(self) -> None:
        """Stop it as it stands, as a virtual machine that is suspended: it neither works nor answers."""
        self.cut_off()
        for process in _inside(self.holder):
            process.suspend()

    def wake_up(self) -> None:
        """Let it go on at the very instruction, with the connections that it had."""
        self.plug_in()
        for process in _inside(self.holder):
            process.resume()


@contextmanager
def middle() -> Iterator[str]:
    """Move this process into a network of its own for the length of the block; gives its address there.

    Raises:
        NoNamespaces: Not allowed, or a program is missing.
    """
    missing = [name for name in ("ip", "nsenter", "unshare") if shutil.which(name) is None]
    if sys.platform != "linux" or missing:
        raise NoNamespaces(f"needs Linux and {', '.join(missing) or 'its namespaces'}")
    before = os.open(_OURS, os.O_RDONLY)
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_NEW_NETWORK) != 0:
        os.close(before)
        raise NoNamespaces(f"no network of our own: {os.strerror(ctypes.get_errno())}")
    try:
        _ip("link", "set", "lo", "up")
        _ip("link", "add", "middle", "type", "bridge")
        _ip("addr", "add", f"{ADDRESS}/24", "dev", "middle")
        _ip("link", "set", "middle", "up")
        yield ADDRESS
    finally:
        library.setns(before, _NEW_NETWORK)
        os.close(before)


@contextmanager
def machine(number: int) -> Iterator[Machine]:
    """A machine beside the middle, for the length of the block; everything that runs on it is killed."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    made = Machine(f"worker{number}", holder)
    try:
        _wait_for_namespace(holder)
        _ip("link", "add", made.name, "type", "veth", "peer", "name", "cable", "netns", str(holder.pid))
        _ip("link", "set", made.name, "master", "middle", "up")
        for command in (
            f"addr add 10.77.0.{10 + number}/24 dev cable",
            "link set cable up",
            "link set lo up",
        ):
            _ip(*command.split(), inside=holder.pid)
        yield made
    finally:
        _kill_all_in(holder)


def _wait_for_namespace(holder: "subprocess.Popen[bytes]") -> None:
    ours = _OURS.readlink()
    deadline = time.monotonic() + _READY_WITHIN
    while Path(f"/proc/{holder.pid}/ns/net").readlink() == ours:
        if time.monotonic() > deadline:
            raise NoNamespaces("unshare made no network within 10 s")
        time.sleep(0.02)


def _inside(holder: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """Every process of the holder's namespace, and the holder."""
    namespace = _namespace_of(holder.pid)
    return [process for process in psutil.process_iter() if _namespace_of(process.pid) == namespace]


def _kill_all_in(holder: "subprocess.Popen[bytes]") -> None:
    found = _inside(holder)
    for process in found:
        if process.is_running():
            process.kill()
    holder.wait()
    psutil.wait_procs(found, timeout=10)


def _namespace_of(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/ns/net").readlink()
    except OSError:  # it has ended meanwhile
        return None


def _ip(*arguments: str, inside: int | None = None) -> None:
    where = [] if inside is None else ["nsenter", f"--net=/proc/{inside}/ns/net"]
    done = subprocess.run([*where, "ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoNamespaces(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
