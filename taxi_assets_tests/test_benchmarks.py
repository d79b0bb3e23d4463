"""What the benchmarks say of themselves: ratios within a round, goals, the page's parts."""

import subprocess
import sys

from benchmarks.clock import Clock
from benchmarks.isolated import measured
from benchmarks.page import Goal, goals, replaced, table, with_goals
from benchmarks.relay import over_tcp
from benchmarks.rounds import Run, interleaved, ratio


def test_a_ratio_is_taken_within_a_round() -> None:
    fast, slow = [Run(1), Run(10), Run(2)], [Run(2), Run(30), Run(8)]
    assert ratio(slow, fast).text() == "3.00 (2.00 to 4.00)"


def test_a_side_with_fewer_rounds_is_compared_with_the_same_rounds_of_the_other() -> None:
    turns: list[str] = []

    def side(name: str) -> Run:
        turns.append(name)
        return Run(float(len(turns)))

    results = interleaved({"often": lambda: side("often"), "rare": lambda: side("rare")}, 3, most={"rare": 1})
    assert (len(results["often"]), len(results["rare"])) == (3, 1)
    assert ratio(results["rare"], results["often"]).most == (
        results["rare"][0].seconds / results["often"][0].seconds
    )
    assert set(turns[:2]) == {"often", "rare"}


def test_goals_of_all_parts_stand_at_the_head_of_the_page_and_follow_them() -> None:
    page = "# Page\n\n<!-- made by benchmarks.goals -->\n<!-- end of benchmarks.goals -->\n\nProse.\n"
    near, far = Goal("a : b", "1.04", 1.04, 1.05), Goal("c : d", "7.00 (6.00 to 9.00)", 7, 8, at_least=True)
    page = with_goals(
        replaced(page, "one", f"### One\n\n{goals([near])}\n\n{table(['x', 'y'], [['1', '2']])}")
    )
    page = with_goals(replaced(page, "two", goals([far])))
    head = page.split("Prose.")[0]
    assert "| a : b: at most 1.05 | 1.04 | yes |" in head
    assert "| c : d: at least 8 | 7.00 (6.00 to 9.00) | **no** |" in head
    assert "| 1 | 2 |" not in head
    again = with_goals(replaced(page, "one", goals([Goal("a : b", "2.00", 2, 1.05)])))
    assert "| 1.04 |" not in again
    assert again.count("| a : b: at most 1.05 | 2.00 | **no** |") == 2


def _with_a_child() -> Run:
    with Clock() as clock, clock.phase("child"):
        line = "import time; x = bytearray(150_000_000); t = time.process_time()\n"
        line += "while time.process_time() < t + 0.2: pass"
        subprocess.run([sys.executable, "-c", line], check=True)
    return clock.run(rows=7)


def test_memory_and_processor_time_of_children_count_as_the_sides() -> None:
    run = measured(_with_a_child)
    assert run.rows == 7
    assert run.processor_seconds >= 0.2
    assert 150 < run.child_mb < 300
    assert run.largest_mb == max(run.peak_mb, run.child_mb)
    assert run.phases["child"] <= run.seconds


def test_a_server_with_a_socket_alone_answers_over_tcp(postgres_url: str) -> None:
    import psycopg

    with over_tcp(postgres_url) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
