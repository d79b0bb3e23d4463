"""Where Dagster keeps its history: a directory under ``TAXI_HOME``, never a temporary one."""

import os
import shutil
from importlib.resources import as_file, files
from pathlib import Path

from dagster import DagsterInstance

from taxi_assets.settings import Settings

WORKSPACE = """\
load_from:
  - python_module:
      module_name: taxi_assets.definitions
      location_name: taxi_assets
"""


def prepare_home(settings: Settings) -> Path:
    """Make ``DAGSTER_HOME`` with our ``dagster.yaml``, unless there is one that somebody may have edited."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        with as_file(files("taxi_assets") / "dagster.yaml") as ours:
            shutil.copyfile(ours, home / "dagster.yaml")
    (home / "workspace.yaml").write_text(WORKSPACE)
    os.environ["DAGSTER_HOME"] = str(home)  # Dagster and its child processes look there
    return home


def open_instance(settings: Settings) -> DagsterInstance:
    """The history that the UI shows too."""
    return DagsterInstance.from_config(str(prepare_home(settings)))
