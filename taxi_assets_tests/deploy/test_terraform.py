"""The Terraform files parse, keep Terraform's format, and have no variable without use or meaning."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "deploy" / "terraform"
FILES = sorted(FOLDER.glob("*.tf"))
TEXT = "\n".join(file.read_text() for file in FILES)


def names(kind: str) -> list[str]:
    return re.findall(rf'^{kind} "(\w+)"', TEXT, re.MULTILINE)


@pytest.mark.slow  # the parser takes ten seconds; where Terraform is installed, its format check parses too
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_parses(file: Path) -> None:
    hcl2 = pytest.importorskip("hcl2", reason="python-hcl2 comes with the group `deploy` of pyproject.toml")

    assert hcl2.loads(file.read_text())


def test_the_files_are_formatted(tmp_path: Path) -> None:
    terraform = shutil.which("terraform") or shutil.which("tofu")
    if terraform is None:
        pytest.skip("no terraform here")
    nothing = tmp_path / "rc"
    nothing.touch()
    line = [terraform, "fmt", "-check", "-diff", str(FOLDER)]
    done = subprocess.run(
        line, env={"TF_CLI_CONFIG_FILE": str(nothing)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_every_variable_is_used_and_only_declared_ones_are() -> None:
    used = set(re.findall(r"\bvar\.(\w+)", re.sub(r"validation \{.*?\n  \}", "", TEXT, flags=re.DOTALL)))
    assert used == set(names("variable"))


@pytest.mark.parametrize("kind", ["variable", "output"])
def test_every_variable_and_output_says_what_it_is(kind: str) -> None:
    blocks = re.findall(rf'^{kind} "(\w+)" \{{(.*?)^\}}', TEXT, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in blocks] == names(kind)
    assert [name for name, block in blocks if not re.search(r'description = ".{15,}"', block)] == []


def test_what_is_referred_to_is_declared() -> None:
    declared = {
        f"{kind}.{name}" for kind, name in re.findall(r'^resource "(\w+)" "(\w+)"', TEXT, re.MULTILINE)
    }
    referred = set(re.findall(r"\b(google_\w+\.\w+)", TEXT))
    assert referred <= declared


def test_the_account_gets_no_more_than_the_page_of_targets_asks_for() -> None:
    granted = set(re.findall(r'role\s+= "(roles/[\w.]+)"', TEXT))
    beside = {"roles/iam.workloadIdentityUser", "roles/storage.legacyBucketReader"}  # pods, and steps' logs
    assert granted - beside == {
        "roles/storage.objectUser",
        "roles/bigquery.dataEditor",
        "roles/bigquery.jobUser",
    }
    page = (FOLDER.parents[1] / "docs" / "swap-a-target.md").read_text()
    assert all(role in page for role in granted - beside)
