"""``psql`` on the Postgres target, whichever it is; the embedded server brings its own."""

import os
import shutil
import signal
import subprocess

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from taxi_assets.settings import Settings
from taxi_assets.targets.embedded_postgres import EmbeddedPostgres
from taxi_assets.targets.postgres_binaries import find_tools


def run_psql(settings: Settings, arguments: list[str]) -> int:
    """Run psql to its end; an embedded server stays up meanwhile.

    Returns:
        psql's exit status.
    """
    home = settings.home / "postgres"
    if settings.postgres_url == "embedded":
        url = EmbeddedPostgres(home).start()
        program = str(find_tools(home).folder / "psql")
    else:
        url = settings.postgres_url
        program = shutil.which("psql") or str(find_tools(home).folder / "psql")
    parts = conninfo_to_dict(url)
    # By the environment: everybody on the machine can read a process's arguments.
    os.environ["PGPASSWORD"] = str(parts.pop("password", ""))
    options = f"{parts.get('options') or ''} -c search_path={settings.postgres_schema},public"
    parts["options"] = options.strip()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is psql's: it cancels the query
    try:
        return subprocess.run([program, make_conninfo("", **parts), *arguments], check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
