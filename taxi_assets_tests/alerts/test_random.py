"""Random histories against a model so simple that it can be believed: what is told is what changed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from dagster import DagsterInstance

from taxi_assets.settings import Settings
from taxi_assets_tests.alerts.receiver import serve_receiver
from taxi_assets_tests.alerts.scripted import MONTHS, STAGES, Scripted
from taxi_assets_tests.alerts.watcher import Watcher

RETRIES = {"run_retries": {"enabled": True}}


@dataclass
class Model:
    """What a person would keep on a sheet of paper: which stages and months failed, which were skipped.

    Attributes:
        state: The sheet.
        expected: The titles that are due.
    """

    state: dict[tuple[str, str], str] = field(default_factory=dict)
    expected: list[str] = field(default_factory=list)

    def run(self, months: Sequence[str], broken: str | None, *, final: bool = True) -> None:
        """A run over months, in which one stage failed, or none."""
        done = STAGES[: STAGES.index(broken)] if broken else STAGES
        ended = [(stage, month) for stage in done for month in months if (stage, month) in self.state]
        for place in ended:
            del self.state[place]
        if broken and final:
            begun = [month for month in months if self.state.get((broken, month)) != "failed"]
            self.state |= dict.fromkeys([(broken, month) for month in begun], "failed")
            for stage in STAGES[STAGES.index(broken) + 1 :]:
                for month in months:
                    self.state.setdefault((stage, month), "skipped")
            self.expected += [f"green {_spans(begun)}: {broken} failed"] if begun else []
        self._recovered(ended)

    def _recovered(self, ended: Sequence[tuple[str, str]]) -> None:
        if not ended:
            return
        months = sorted({month for _, month in ended})
        stages = [stage for stage in STAGES if stage in {stage for stage, _ in ended}]
        left = any(month in months for _, month in self.state)
        names = " and ".join([", ".join(stages[:-1]), stages[-1]]) if len(stages) > 1 else stages[0]
        self.expected.append(
            f"green {_spans(months)}: {f'{names} recovered' if left else 'all is well again'}"
        )


def _spans(months: Sequence[str]) -> str:
    """Of three months in a row there are few sets."""
    by_set = {
        MONTHS: "2024-01 to 2024-03",
        MONTHS[:2]: "2024-01 to 2024-02",
        MONTHS[1:]: "2024-02 to 2024-03",
    }
    return by_set.get(tuple(months), ", ".join(months))


def play(seed: int, length: int, home: Path) -> None:
    """A random history: runs of one month or more, retried and cancelled ones, a webhook that refuses."""
    dice = random.Random(seed)
    with DagsterInstance.ephemeral(settings=RETRIES) as instance, serve_receiver() as receiver:
        scripted, model = Scripted(instance), Model()
        settings = Settings.from_environment({"TAXI_HOME": str(home)})
        watcher = Watcher(scripted.definitions, instance, settings, receiver.url)
        watcher.tick()
        for _ in range(length):
            first = dice.randrange(len(MONTHS))
            months = MONTHS[first : dice.randrange(first, len(MONTHS)) + 1]
            _step(dice, scripted, model, months)
            if dice.random() < 0.5:
                receiver.status = dice.choice((200, 200, 503))
                watcher.tick()
        receiver.status = 200
        watcher.tick()
        assert receiver.titles() == model.expected
        standing = {(problem.name.split("/")[0], problem.month) for problem in watcher.memory.board()}
        assert standing == set(model.state)


def _step(dice: random.Random, scripted: Scripted, model: Model, months: Sequence[str]) -> None:
    """One thing that happens: mostly a run, sometimes with a retry, sometimes cancelled."""
    kind = dice.choice(("run", "run", "run", "retried", "cancelled"))
    if kind == "cancelled":
        scripted.instance.report_run_canceled(scripted.planned(months[0]))
        return
    broken = dice.choice((None, *STAGES))
    scripted.broken = {broken} if broken else set()
    last = months[-1] if len(months) > 1 else None
    tags = {"max_retries": "1"} if kind == "retried" else {}
    run = scripted.run(months[0], last, **tags)
    retried = kind == "retried" and broken is not None
    model.run(months, broken, final=not retried)
    if not retried:
        return
    broken = dice.choice((None, *STAGES))
    scripted.broken = {broken} if broken else set()
    again = scripted.run(months[0], last)
    scripted.instance.add_run_tags(run.run_id, {"dagster/auto_retry_run_id": again.run_id})
    model.run(months, broken)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_told_of_a_random_history_is_what_changed(seed: int, tmp_path: Path) -> None:
    play(seed, 12, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_what_is_told_of_a_long_random_history_is_what_changed(seed: int, tmp_path: Path) -> None:
    play(seed, 40, tmp_path)
