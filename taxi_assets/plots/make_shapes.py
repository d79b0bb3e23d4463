"""Makes ``zones.json``, the outlines on the map of pickups, out of the TLC's shapefile: by hand, rarely.

    python -m taxi_assets.plots.make_shapes taxi_zones.zip

The shapefile has 98,000 points, 1.5 MB; a picture of 480 pixels shows a fiftieth of them. Neighbouring
zones are simplified together, as one coverage: each by itself would leave gaps and overlaps between them.
What is too small to be seen goes, unless a zone has nothing else: 330 rocks in Jamaica Bay and the like.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

SHAPES = Path(__file__).with_name("zones.json")

WIDTH = 880
"""Units from the westernmost to the easternmost point: two a pixel, as in every plot."""

_TOLERANCE = 900  # feet: three pixels
_SMALLEST = 2_500_000  # square feet: 5 by 5 pixels
_PROVENANCE = (
    "TLC taxi zones, https://d37ci6vzurychx.cloudfront.net/misc/taxi_zones.zip, New York state plane; "
    "simplified by taxi_assets/plots/make_shapes.py. A zone is a list of outlines, an outline is "
    "x, y of its first point and then the steps to each next one; y points down."
)


def main() -> None:
    """Read the shapefile and write the outlines beside this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("shapefile", type=Path, help="taxi_zones.zip as the TLC publishes it")
    zones, same = _read(parser.parse_args().shapefile)
    SHAPES.write_text(_as_json(_simplified(zones), same))


def _read(path: Path) -> tuple[dict[int, Any], dict[str, int]]:
    """Zone -> its area, and the zones that the shapefile draws as part of another.

    The trips know of 57, 104 and 105; the shapefile says 56 for the first and 103 for the others, as the
    names are the same.
    """
    import shapefile
    import shapely

    parts, same = defaultdict(list), {}
    with shapefile.Reader(str(path)) as reader:
        for one in reader.iterShapeRecords():
            zone, number = one.record["LocationID"], one.record["OBJECTID"]
            parts[zone].append(shapely.geometry.shape(one.shape.__geo_interface__))
            if zone != number:
                same[str(number)] = zone
    return {zone: shapely.union_all(areas) for zone, areas in sorted(parts.items())}, same


def _simplified(zones: dict[int, Any]) -> dict[int, list[Any]]:
    """Zone -> the outlines of its parts, the neighbours' borders still the same line."""
    import shapely

    clean = shapely.coverage_clean(list(zones.values()))
    simple = shapely.coverage_simplify(clean, _TOLERANCE)
    outlines = {}
    for zone, area in zip(zones, simple, strict=True):
        parts = sorted(shapely.get_parts(area), key=lambda part: -part.area)
        seen = [part for part in parts if part.area >= _SMALLEST] or parts[:1]
        outlines[zone] = [shapely.get_exterior_ring(part) for part in seen]
    return outlines


def _as_json(outlines: dict[int, list[Any]], same: dict[str, int]) -> str:
    """As kept: whole numbers, one line a zone, so that a change can be read."""
    import numpy as np
    import shapely

    west, south, east, north = shapely.total_bounds([ring for rings in outlines.values() for ring in rings])
    scale = WIDTH / (east - west)

    def steps(ring: Any) -> list[int]:
        points = (shapely.get_coordinates(ring)[:-1] - [west, north]) * [scale, -scale]
        whole = np.rint(points).astype(int)
        moved = np.diff(whole, axis=0, prepend=0)
        moved[0] = whole[0]
        kept = [pair for number, pair in enumerate(moved.tolist()) if number == 0 or pair != [0, 0]]
        return [value for pair in kept for value in pair]

    size = [WIDTH, round((north - south) * scale)]
    head = json.dumps({"from": _PROVENANCE, "size": size, "same": same})[:-1]
    lines = [
        f'"{zone}":{json.dumps([steps(ring) for ring in rings], separators=(",", ":"))}'
        for zone, rings in outlines.items()
    ]
    return head + ', "zones": {\n' + ",\n".join(lines) + "\n}}\n"


if __name__ == "__main__":
    main()
