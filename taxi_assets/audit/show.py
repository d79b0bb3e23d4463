"""``taxi-assets audit``: the trail of a month on the terminal, and the SQL that makes the trail."""

import sys
from datetime import date

from rich.console import Console

from taxi_assets.audit.table import script, stands
from taxi_assets.audit.trail import newest, print_trail
from taxi_assets.resources import postgres_target
from taxi_assets.settings import Settings


def show_trail(settings: Settings, service: str | None, month: date | None, console: Console) -> int:
    """Print the entries of a month, or the newest of a service, or of all.

    Returns:
        Exit status: 1 if no trail is kept.
    """
    if "postgres" not in settings.targets:
        console.print("No audit trail is kept: TAXI_TARGETS leaves out postgres, in whose database it lies.")
        return 1
    with postgres_target(settings, settings.postgres_url).connect() as connection:
        there = stands(connection, settings.audit_schema)
        loads = newest(connection, settings.audit_schema, service, month) if there else []
    if not loads:
        console.print(f"{settings.audit_schema}.loads has no such entry: nothing was loaded.")
        return 0
    print_trail(loads, console)
    return 0


def print_script(settings: Settings) -> int:
    """Print the SQL that makes the trail, for an administrator's psql."""
    sys.stdout.write(script(settings.audit_schema))
    return 0
