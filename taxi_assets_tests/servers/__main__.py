"""``python -m taxi_assets_tests.servers DIRECTORY``: emulators of Cloud Storage and BigQuery, to try things.

Objects are kept in the directory, BigQuery's tables in memory. Prints the settings that lead there and runs
until Ctrl-C.
"""

import argparse
import signal
import sys
from pathlib import Path

from taxi_assets_tests.servers.bigquery import EmulatorUnavailable, bigquery_emulator
from taxi_assets_tests.servers.gcs import fake_gcs

BUCKET = "taxi"


def main() -> int:
    """Run both until somebody says stop."""
    parser = argparse.ArgumentParser(prog="python -m taxi_assets_tests.servers", description=__doc__)
    parser.add_argument("directory", type=Path, help="where the bucket's objects are kept")
    root = parser.parse_args().directory.absolute() / "buckets"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the same way out as Ctrl-C
    try:
        with fake_gcs(root) as storage:
            storage.create_bucket(BUCKET)
            with bigquery_emulator(root) as bigquery:
                _tell(storage.endpoint, bigquery.endpoint)
                signal.pause()
    except EmulatorUnavailable as reason:
        print(reason, file=sys.stderr)  # noqa: T201 - a command's output
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _tell(storage: str, bigquery: str) -> None:
    settings = {
        "STORAGE_EMULATOR_HOST": storage,
        "BIGQUERY_EMULATOR_HOST": bigquery,
        "TAXI_LAKE_URL": f"gs://{BUCKET}/lake",
        "TAXI_WAREHOUSE_URL": "bigquery://test-project/taxi?location=US",
    }
    print("\n".join(f"export {name}='{value}'" for name, value in settings.items()), flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
