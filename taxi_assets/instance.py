"""Where Dagster keeps its history: a directory under ``TAXI_HOME``, never a temporary one."""

import hashlib
import os
import shutil
from importlib.resources import as_file, files
from pathlib import Path

from dagster import DagsterInstance
from filelock import FileLock

from taxi_assets.run_launcher import settle_dead_runs
from taxi_assets.settings import Settings

_EARLIER = frozenset(
    {
        "e4ed0a469f10c64929c2a057f0fb770fc2f83d082de2072f9265518cd949c797",  # did not notice dead runs
        "74cb63ed4b886e9a41ea18a4a3abda16ee11bd6c868c68e7626d47094ccc87fb",  # told of too little memory
        "eea84a08d79e53f6659aa318f923a168702866f4a5dcc4f35adbe83c7d0f4e16",  # opened history for every event
    }
)
"""SHA-256 of what earlier versions put there."""

WORKSPACE = """\
load_from:
  - python_module:
      module_name: taxi_assets.definitions
      location_name: taxi_assets
"""


def prepare_home(settings: Settings) -> Path:
    """Make ``DAGSTER_HOME``: our ``dagster.yaml``, unless somebody's own is there, and an empty history.

    One process at a time: Dagster makes its SQLite files without a lock, and two that do it at once leave
    a history that no later process can open. Runs of this machine that were killed are settled.

    A home with a ``dagster.yaml`` that can't be written is somebody's installation, an image or a mounted
    file: it is taken as it is.
    """
    home = settings.dagster_home
    os.environ["DAGSTER_HOME"] = str(home)  # Dagster and its child processes look there
    if is_installed(home):
        return home
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / ".preparing.lock"):
        if _is_absent_or_ours(home / "dagster.yaml"):
            with as_file(files("taxi_assets") / "dagster.yaml") as ours:
                shutil.copyfile(ours, home / "dagster.yaml")
        (home / "workspace.yaml").write_text(WORKSPACE)
        with DagsterInstance.from_config(str(home)) as instance:
            instance.get_runs_count()
            instance.event_log_storage.get_maximum_record_id()
            instance.all_instigator_state()
            settle_dead_runs(instance)
    return home


def is_installed(home: Path) -> bool:
    """Whether a home is complete and not ours to write."""
    return (home / "dagster.yaml").exists() and not os.access(home, os.W_OK)


def _is_absent_or_ours(file: Path) -> bool:
    """Whether a file may be written anew: it is not there, or is one of ours that nobody edited."""
    if not file.exists():
        return True
    return hashlib.sha256(file.read_bytes()).hexdigest() in _EARLIER


def open_instance(settings: Settings) -> DagsterInstance:
    """The history that the UI shows too."""
    return DagsterInstance.from_config(str(prepare_home(settings)))
