"""No asset, check, job, sensor or schedule comes, goes or changes without a line that somebody reviews."""

import difflib

from taxi_assets_tests.definitions_snapshot import COMMAND, PAGE, snapshot


def test_the_code_location_is_as_the_reviewed_text_says() -> None:
    reviewed = PAGE.read_text(encoding="utf-8").splitlines()
    difference = difflib.unified_diff(reviewed, snapshot().splitlines(), "reviewed", "code", lineterm="", n=8)
    told = "\n".join(difference)
    assert not told, f"If this is meant, `{COMMAND}` writes it down:\n{told}"
