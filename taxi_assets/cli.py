"""``taxi-assets``: the commands for people. Dagster's own commands do the rest."""

import argparse
import errno
import os
import signal
import socket
import sys
from datetime import date
from typing import NoReturn

from rich.console import Console

from taxi_assets.settings import Settings, SettingsError
from taxi_assets.tlc.services import SERVICES, parse_month

DEMO_SOURCE = {"TAXI_SOURCE_URL": "synthetic?rows=60000&seed=1"}


def demo(_: argparse.Namespace) -> int:
    """Run the whole thing offline on made-up months, and show what the stores hold."""
    from taxi_assets.demo import run_demo

    return run_demo(Settings.from_environment(defaults=DEMO_SOURCE), _console())


def load(arguments: argparse.Namespace) -> int:
    """Load months of a service into every store, in this terminal."""
    from taxi_assets.load import load_months

    first = arguments.first
    last = arguments.last or first
    settings = Settings.from_environment()
    return load_months(settings, arguments.service, first, last, _console(), accept=arguments.accept)


def dev(arguments: argparse.Namespace) -> int:
    """Open Dagster's UI, with its history kept under TAXI_HOME."""
    from taxi_assets.instance import prepare_home

    settings = Settings.from_environment()
    if _is_taken(arguments.port):
        print(
            f"Port {arguments.port} is taken, perhaps by another `taxi-assets dev`: "
            "choose one with `taxi-assets dev -p 3001`, or `make dev PORT=3001`.",
            file=sys.stderr,
        )
        return 2
    workspace = str(prepare_home(settings) / "workspace.yaml")
    return _become([sys.executable, "-m", "dagster", "dev", "-w", workspace, "-p", str(arguments.port)])


def status(_: argparse.Namespace) -> int:
    """Show the rows of every month in every store, by asking the stores."""
    from taxi_assets.status import find_months, print_status

    months = find_months(Settings.from_environment())
    print_status(months, _console())
    return 0 if all(month.whole for month in months) else 1


def health(_: argparse.Namespace) -> int:
    """Say whether everything is all right: what is wrong, the most urgent first, and what to do."""
    from taxi_assets.health.command import show_health

    return show_health(Settings.from_environment(), _console())


def audit(arguments: argparse.Namespace) -> int:
    """Show who replaced which month, when, and by which published file."""
    from taxi_assets.audit.show import print_script, show_trail

    settings = Settings.from_environment()
    if arguments.sql:
        return print_script(settings)
    return show_trail(settings, arguments.service, arguments.month, _console())


def register(_: argparse.Namespace) -> int:
    """Tell Dagster of every month that the stores hold and it does not know, loading nothing."""
    from taxi_assets.recovery.register import run_register

    return run_register(Settings.from_environment(), _console())


def psql(arguments: argparse.Namespace) -> int:
    """Open psql on the Postgres target, the embedded one too; further arguments are psql's."""
    from taxi_assets.psql import run_psql

    return run_psql(Settings.from_environment(), arguments.arguments)


def doctor(_: argparse.Namespace) -> int:
    """Examine every setting: connection, rights, versions, space."""
    from taxi_assets.doctor import main as examine

    return examine(Settings.from_environment())


def alert_test(_: argparse.Namespace) -> int:
    """Send a test message to everybody who would be told of failures."""
    from taxi_assets.alerts.trial import try_alerts

    return try_alerts(Settings.from_environment(), _console())


def _become(command: list[str]) -> NoReturn:
    """Go on as another program, which Ctrl-C and SIGTERM end.

    What a script starts with ``&`` ignores Ctrl-C, and exec hands that on: Dagster could not be ended.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    os.execv(command[0], command)  # noqa: S606 - no shell between us and what we start


def _is_taken(port: int) -> bool:
    """Whether somebody listens where the UI is to; Dagster would say so in a traceback, after 10 s."""
    with socket.socket() as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the UI's server does it
        try:
            ours.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return True
    return False


def _port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 1 << 16:
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text!r}")


def _month(text: str) -> date:
    try:
        return parse_month(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a month looks like 2024-01, not {text!r}") from None


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 110)  # a file or a pipe has no width of its own


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit status tells whether all is well."""
    parser = argparse.ArgumentParser(prog="taxi-assets", description="NYC taxi trips as Dagster assets.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in (demo, load, dev, health, status, audit, register, psql, doctor, alert_test):
        name = command.__name__.replace("_", "-")
        one = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
        one.set_defaults(command=command)
        if command is load:
            one.add_argument("service", choices=list(SERVICES))
            one.add_argument("first", type=_month, help="first month, 2024-01")
            one.add_argument("last", type=_month, nargs="?", help="last month, the first one if left out")
            one.add_argument(
                "--accept",
                action="store_true",
                help="let these months through, however unlike their neighbours",
            )
        if command is audit:
            one.add_argument("service", choices=list(SERVICES), nargs="?", help="all if left out")
            one.add_argument("month", type=_month, nargs="?", help="the newest entries if left out")
            one.add_argument("--sql", action="store_true", help="print what makes the table, for psql")
        if command is dev:
            one.add_argument("-p", "--port", type=_port, default=3000, help="port of the UI (3000)")
    parsed, rest = parser.parse_known_args(arguments)
    if rest and parsed.command is not psql:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    parsed.arguments = [one for one in rest if one != "--"]
    # After parsing: --help need not wait for Dagster.
    from psycopg import OperationalError

    from taxi_assets.targets.embedded_postgres import EmbeddedServerError
    from taxi_assets.targets.target import TargetError

    try:
        return int(parsed.command(parsed))
    except KeyboardInterrupt:
        print("\nInterrupted. What is stored is whole; the same command goes on from there.", file=sys.stderr)
        return 130
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except (TargetError, EmbeddedServerError, OperationalError, PermissionError) as error:
        print(f"{error}\n`taxi-assets doctor` examines the whole setup.", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
