"""What the pages tell people to type is there: commands, settings, links, one page's code as it stands."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from taxi_assets.settings import KNOWN
from taxi_assets.targets.files import FileStore

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def typed(page: Path) -> Iterator[str]:
    """Lines behind a prompt, in the page's blocks of commands."""
    for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        yield from re.findall(r"^\$ (.*)$", block, re.MULTILINE)


@pytest.fixture(scope="module")
def helped() -> str:
    """What ``taxi-assets --help`` lists."""
    line = [sys.executable, "-m", "taxi_assets", "--help"]
    return subprocess.run(line, capture_output=True, text=True, check=True, cwd=ROOT).stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path, helped: str) -> None:
    text = page.read_text(encoding="utf-8")
    for command in re.findall(r"(?:\.venv/bin/|`)taxi-assets ([a-z-]+)", text):
        assert re.search(rf"^    {command}\b", helped, re.MULTILINE), f"taxi-assets {command}"
    targets = re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in typed(page):
        for target in re.findall(r"^make ([a-z-]+)", line):
            assert target in targets, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_is_one(page: Path) -> None:
    named = set(re.findall(r"\bTAXI_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    assert named - set(KNOWN) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert not target or (page.parent / target).exists(), target


def test_every_page_is_among_the_questions_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if f"(docs/{page.name})" not in readme] == []


def test_every_setting_has_its_row_on_the_page_of_settings() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [name for name in KNOWN if f"| `{name}` |" not in page and name != "TAXI_REAL_DATA"] == []


def test_a_lake_that_is_restored_as_the_page_says_knows_its_files(tmp_path: Path) -> None:
    here, there, archive = tmp_path / "here", tmp_path / "there", tmp_path / "lake.tgz"
    there.mkdir()
    lake = FileStore(url=str(here / "lake"))
    published = lake.scratch() / "green_tripdata_2024-01.parquet"
    published.write_bytes(b"as published")
    lake.put("raw/green_trips", date(2024, 1, 1), published, {"etag": "first"})

    lines = list(typed(ROOT / "docs" / "operate.md"))
    made = [found[1] for line in lines if (found := re.search(r"\btar (.*)-czf ", line))]
    (home,) = [found[1] for line in lines if (found := re.search(r"\btar -xzf - -C (\S+) < lake", line))]
    assert len(made) == 2  # of the lake, and of a whole TAXI_HOME
    assert f"TAXI_LAKE_URL={home}/lake" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for options in made:
        subprocess.run(["tar", *options.split(), "-czf", archive, "-C", here, "lake"], check=True)
        with archive.open("rb") as stream:
            subprocess.run(["tar", "-xzf", "-", "-C", there], stdin=stream, check=True)
        restored = FileStore(url=str(there / "lake"))
        assert restored.partitions("raw/green_trips") == lake.partitions("raw/green_trips")
        assert (restored.facts("raw/green_trips", date(2024, 1, 1)) or {})["etag"] == "first"


def test_the_page_about_notebooks_works_as_it_stands(tmp_path: Path, postgres_url: str) -> None:
    environment = {
        "TAXI_HOME": str(tmp_path / "home"),
        "TAXI_POSTGRES_URL": postgres_url,
        "TAXI_SOURCE_URL": "synthetic?rows=2000&seed=1",
        "PYTHONPATH": str(ROOT),
    }

    def run(*line: str, given: str = "") -> str:
        done = subprocess.run(
            [sys.executable, *line], env=environment, input=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("-m", "taxi_assets", "load", "green", "2023-01")
    page = (ROOT / "docs" / "debug-a-month.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) >= 3
    told = run(
        "-", given="\n".join([*blocks, "print(len(trips), set(dear.columns), dear.fare_amount.min())"])
    )
    assert "green_tripdata_2023-01.parquet" in told
    rows, rest = told.splitlines()[-1].split(" ", 1)
    assert 1900 < int(rows) < 2000
    assert "pickup_at" in rest
