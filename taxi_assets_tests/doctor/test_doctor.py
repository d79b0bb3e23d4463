"""The whole examination: the defaults are healthy, no check hangs or raises, and no secret is said."""

import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from rich.console import Console

from taxi_assets.doctor import directory, examine, main
from taxi_assets.doctor.finding import About, Finding
from taxi_assets.doctor.home import examine_dagster, examine_home
from taxi_assets.doctor.report import show, summary
from taxi_assets.doctor.watch import Check, watched
from taxi_assets.settings import Settings
from taxi_assets_tests.doctor.conftest import SettingsWith, by_subject, look, only_problem

AS_USER = ("unshare", "--user", "--map-user=65534", "--map-group=65534")
"""Before a command: to be an ordinary user, who is stopped by a read-only directory, where we are root."""


def printed(findings: list[Finding]) -> str:
    console = Console(file=io.StringIO(), width=200)
    show(findings, console)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_embedded_defaults_are_all_good_and_the_server_is_stopped_again(
    settings_with: SettingsWith,
) -> None:
    settings = settings_with()
    console = Console(file=io.StringIO())
    assert main(settings, console) == 0
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Everything is as it should be." in text
    for variable in ("HOME", "SOURCE_URL", "POSTGRES_URL", "POSTGRES_SCHEMA", "LAKE_URL", "WAREHOUSE_URL"):
        assert f"TAXI_{variable}" in text
    assert not (settings.home / "postgres" / "data" / "postmaster.pid").exists()
    assert not (settings.home / "lake" / "_doctor").exists()


def test_every_trouble_at_once_is_status_1_and_says_no_password(settings_with: SettingsWith) -> None:
    settings = settings_with(
        postgres_url="postgresql://loader:p%40ssWord77@127.0.0.1:1/taxi",
        source_url="http://reader:hunter2222@127.0.0.1:1/trip-data?sig=abcdef123",
        lake_url="/dev/null/lake",
        warehouse_url="duckdb:////dev/null/warehouse.duckdb",
    )
    console = Console(file=io.StringIO(), width=200)
    assert main(settings, console) == 1
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for secret in ("p%40ssWord77", "p@ssWord77", "hunter2222", "abcdef123"):
        assert secret not in text
    last = text.strip().splitlines()[-1]
    assert all(f"TAXI_{name}_URL" in last for name in ("POSTGRES", "SOURCE", "LAKE", "WAREHOUSE"))


def test_what_a_check_found_before_it_hangs_stays(settings_with: SettingsWith) -> None:
    def hangs(settings: Settings) -> Iterator[Finding]:
        yield About("TAXI_X").ok("first", "fine")
        time.sleep(30)

    begun = time.monotonic()
    findings = watched(Check("TAXI_X", "all", hangs, limit=0.2), settings_with())
    assert time.monotonic() - begun < 5
    assert [(one.subject, one.level) for one in findings] == [("first", "ok"), ("all", "problem")]
    assert "no answer within 0.2 s" in findings[1].found
    assert "TAXI_X" in findings[1].remedy


def test_an_unexpected_error_is_a_finding_without_the_password_that_it_quotes(
    settings_with: SettingsWith,
) -> None:
    def raises(settings: Settings) -> Iterator[Finding]:
        yield About("TAXI_X").ok("first", "fine")
        raise RuntimeError(f"[bold] can't do {settings.postgres_url}, nor 'top secret'")

    settings = settings_with(postgres_url="postgresql://me:top%20secret@host/taxi")
    findings = look(raises, settings)
    assert [one.level for one in findings] == ["ok", "problem"]
    assert findings[1].found.startswith("RuntimeError: [bold] can't do postgresql://me:***@host/taxi")
    assert "secret" not in findings[1].found
    assert "[bold]" in printed(findings)  # not taken for markup


@pytest.mark.parametrize(
    ("levels", "status", "said"),
    [
        (["ok"], 0, "Everything is as it should be."),
        (["ok", "warning"], 0, "No problem, 1 warning."),
        (["warning", "problem"], 1, "1 problem (TAXI_X), 1 warning."),
    ],
)
def test_problems_fail_and_warnings_do_not(
    levels: list[str], status: int, said: str, settings_with: SettingsWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = [Finding("TAXI_X", "it", level, "found", "remedy") for level in levels]  # type: ignore[arg-type]
    assert summary(findings) == said
    monkeypatch.setattr("taxi_assets.doctor.examine", lambda settings: findings)
    assert main(settings_with(), Console(file=io.StringIO())) == status


def test_a_home_that_is_a_file_names_the_variable(settings_with: SettingsWith, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    problem = only_problem(look(examine_home, settings_with(home=tmp_path / "file" / "home")))
    assert problem.setting == "TAXI_HOME"
    assert "is a file" in problem.found
    assert "TAXI_HOME" in problem.remedy


def test_a_read_only_home_is_a_problem_to_an_ordinary_user(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    code = (
        "import sys; from pathlib import Path; from taxi_assets.doctor.finding import About;"
        "from taxi_assets.doctor.directory import directory;"
        "print(*directory(About('TAXI_HOME'), Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(home)]
    if os.getuid() == 0:
        if not shutil.which("unshare") or subprocess.run([*AS_USER, "true"], check=False).returncode:
            pytest.skip("runs as root, whom nothing stops, and user namespaces are forbidden")
        command = [*AS_USER, *command]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "level='problem'" in done.stdout
    assert f"{home} can't be written: Permission denied" in done.stdout
    assert "set TAXI_HOME to another directory" in done.stdout


@pytest.mark.parametrize(("enough", "too_little", "level"), [(1e30, 0, "warning"), (1e30, 1e29, "problem")])
def test_a_disk_without_room_for_a_month_is_told(
    enough: float, too_little: float, level: str, settings_with: SettingsWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "ENOUGH", enough)
    monkeypatch.setattr(directory, "TOO_LITTLE", too_little)
    space = by_subject(look(examine_home, settings_with()))["free space"]
    assert space.level == level
    assert "TAXI_HOME" in space.remedy


def test_somebody_elses_dagster_yaml_is_warned_of(settings_with: SettingsWith) -> None:
    settings = settings_with()

    def yaml() -> Finding:
        findings = look(examine_dagster, settings)
        assert {one.setting for one in findings} == {"DAGSTER_HOME"}
        return by_subject(findings)["dagster.yaml"]

    assert (yaml().level, "not there yet" in yaml().found) == ("ok", True)
    settings.dagster_home.mkdir(parents=True)
    file = settings.dagster_home / "dagster.yaml"
    file.write_text("telemetry:\n  enabled: false\n")
    assert yaml().level == "warning"
    assert "DAGSTER_HOME" in yaml().remedy
    ours = files("taxi_assets").joinpath("dagster.yaml").read_text()
    file.write_text(ours)
    assert (yaml().level, yaml().found) == ("ok", f"{file} is ours")
    file.write_text(ours.replace("max_concurrent_runs: 2", "max_concurrent_runs: 8"))
    assert (yaml().level, yaml().found) == ("ok", f"{file} is ours, edited")


def test_the_examination_is_complete_and_ordered(settings_with: SettingsWith) -> None:
    settings = settings_with(postgres_url="postgresql://me@127.0.0.1:1/taxi")
    order = list(dict.fromkeys(one.setting for one in examine(settings)))
    assert order == [
        "TAXI_HOME",
        "DAGSTER_HOME",
        "TAXI_SOURCE_URL",
        "TAXI_POSTGRES_URL",
        "TAXI_LAKE_URL",
        "TAXI_WAREHOUSE_URL",
        "TAXI_ALERT_URLS",
    ]
