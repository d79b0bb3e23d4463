"""What only work needs is not loaded with the code location: each process of Dagster's loads that anew."""

import subprocess
import sys

HEAVY = (
    "dagster_pandas",
    "google.cloud",
    "jinja2.environment",
    "matplotlib",
    "pandas",
    "pyarrow.dataset",
    "requests",
    "sqlglot",
)
"""0.05 to 0.4 s each; ``import dagster`` takes 0.9 s."""

PROGRAM = """
import sys
before = set(sys.modules)
import {module}
print(*sorted(set({heavy}) & (set(sys.modules) - before)))
"""


def loaded_with(module: str) -> str:
    program = PROGRAM.format(module=module, heavy=HEAVY)
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def test_loading_the_code_location_brings_no_library_that_only_work_needs() -> None:
    assert loaded_with("taxi_assets.definitions") == ""


def test_the_command_line_starts_without_dagster() -> None:
    program = "import sys, taxi_assets.cli; print('dagster' in sys.modules, 'pyarrow' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]
