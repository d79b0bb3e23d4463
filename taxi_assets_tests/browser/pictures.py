"""The docs' pictures of the UI, taken of the demo's months in a real browser.

    python -m taxi_assets_tests.browser.pictures [graph ...]

They show made-up months in a home of their own, so they come out alike wherever they are taken.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from dagster import DagsterRunStatus
from PIL import Image
from rich.console import Console

from taxi_assets_tests.browser.chromium import Ui, button, chromium, field
from taxi_assets_tests.servers.dagster_dev import DagsterDev, dagster_dev

FOLDER = Path(__file__).parents[2] / "docs" / "images"
MOST_BYTES = 200_000
_COLORS = 128  # Dagster's pages have some 40 and their shades
_WITHIN = 300

MONTH = "2023-02"
BACKFILL = ("2022-08", "2023-01")
_ENDED = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


def graph(ui: Ui, system: DagsterDev) -> None:
    """The assets of one service, with what is known of each."""
    ui.open("/locations/taxi_assets/asset-groups/green")
    ui.see("partitions", "Passed", "% filled", within=_WITHIN)


def backfill(ui: Ui, system: DagsterDev) -> None:
    """A backfill's months on their way."""
    ui.open("/locations/taxi_assets/asset-groups/green")
    ui.click(button("Materialize all"))
    ui.type(field("ex: "), f"[{BACKFILL[0]}...{BACKFILL[1]}]")
    ui.click(button("Launch backfill"))
    ui.wait(lambda: not ui.visible(field("ex: ")))
    ui.open("/runs?view=backfills")
    ui.click("//a[starts-with(@href, '/runs/b/')]")
    ui.see("100% completed", within=_WITHIN)


def cleaned_month(ui: Ui, system: DagsterDev) -> None:
    """A cleaned month: its rows, where they come from, its plots."""
    ui.open(f"/assets/cleaned/green_trips?view=partitions&partition={MONTH}")
    ui.see("raw_rows", within=_WITHIN)
    ui.unfold("plots")
    ui.wait(ui.plots)


def health(ui: Ui, system: DagsterDev) -> None:
    """The page that says how everything stands."""
    system.launch("__ASSET_JOB", assets=["health"])
    system.wait(lambda: any(run.asset_selection for run in system.runs(*_ENDED)), _WITHIN)
    ui.open("/assets/health")
    ui.see("page", "yellow:", within=_WITHIN)


PICTURES: dict[str, Callable[[Ui, DagsterDev], None]] = {
    "graph": graph,
    "cleaned-month": cleaned_month,
    "health": health,
    "backfill": backfill,  # last: it fills the graph's other months
}


def main(names: list[str]) -> None:
    """Take the pictures with these names, or all."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as directory:
        home = Path(directory) / "home"
        # The sensors look once in half an hour, so that they ask for nothing while the pictures are taken.
        settings = {"TAXI_SOURCE_URL": "synthetic?rows=60000&seed=1", "TAXI_POLL_SECONDS": "1800"}
        environment = DagsterDev(home, settings).environment
        subprocess.run([sys.executable, "-m", "taxi_assets", "demo"], env=environment, check=True)
        with dagster_dev(home, settings) as system, chromium(f"http://127.0.0.1:{system.port}") as ui:
            for name in names or PICTURES:
                PICTURES[name](ui, system)
                size = save(ui.settled(), FOLDER / f"{name}.png")
                Console().print(f"docs/images/{name}.png: {size:,} bytes")


def save(picture: bytes, path: Path) -> int:
    """Save a screenshot as a small PNG; returns its size."""
    with Image.open(BytesIO(picture)) as full:
        # Few colours, undithered: a third of the bytes, and nobody sees it on pages of flat colours.
        full.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE).save(path, optimize=True)
    if (size := path.stat().st_size) > MOST_BYTES:
        raise ValueError(f"{path.name} has {size:,} bytes, more than {MOST_BYTES:,}")
    return size


if __name__ == "__main__":
    main(sys.argv[1:])
