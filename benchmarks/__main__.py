"""Every part after the other, over the same published files: what `make bench` and `make bench-full` run."""

import subprocess
import sys
import time

from benchmarks.command import asked, say

PARTS = ("start", "whole_month", "postgres_load", "peers", "memory", "growth", "history", "backfill")

SMALL_ROUNDS = {"growth": 1, "backfill": 1, "peers": 2, "whole_month": 2, "memory": 1}
"""At a small size they tell only that they work; five minutes together."""


def main() -> None:
    """Run the parts; one that fails does not keep the others from running, but is told in the end."""
    failed = []
    with asked(__doc__, 0, 0, 0) as run:
        for part in PARTS:
            line = [sys.executable, "-m", f"benchmarks.{part}", "--data", str(run.data)]
            line += ["--full"] if run.full else ["--rounds", str(SMALL_ROUNDS.get(part, 3))]
            line += ["--write"] if run.write else []
            say(f"--- {part}")
            started = time.monotonic()
            if subprocess.run([*line, "--work", str(run.directory)], check=False).returncode:
                failed.append(part)
            say(f"--- {part}: {time.monotonic() - started:.0f} s")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
