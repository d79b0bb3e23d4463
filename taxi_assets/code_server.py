"""The code server of a container: Dagster's own, which ends when it can no longer tell which runs live.

``dagster api grpc`` starts runs as its child processes, and one thread of it notices those that died. If
Dagster's database does not answer at that moment, the thread dies, silently and for ever: the server goes
on, and answers for dead runs that they are alive. Nobody would start them again. So here the death of that
thread ends the process; the container is started again, and run monitoring finds every run that was lost
(``code_server_run_launcher.py``).
"""

import os
import sys
import threading

HOUSEKEEPER = "grpc-server-cleanup"
"""Dagster's name of the thread that notices dead runs."""

EXIT_STATUS = 70  # EX_SOFTWARE: not what was asked of it, but it itself is at fault

_tell_of_it = threading.excepthook


def end_without_housekeeper(arguments: threading.ExceptHookArgs) -> None:
    """Say what a thread died of, and end the process if it was the one that looks after runs."""
    _tell_of_it(arguments)
    if arguments.thread is not None and arguments.thread.name == HOUSEKEEPER:
        print("The code server can't tell dead runs any more, and ends.", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(EXIT_STATUS)  # exit() would wait for threads, and a server whose runs nobody looks after


def main(arguments: list[str]) -> None:
    """Be ``dagster api grpc`` for our definitions; further arguments are its own."""
    from dagster._cli import cli

    threading.excepthook = end_without_housekeeper
    cli.main(args=["api", "grpc", "-m", "taxi_assets.definitions", *arguments], prog_name="dagster")


if __name__ == "__main__":
    main(sys.argv[1:])
