"""The sensor as the daemon evaluates it, tick by tick, with the cursor that the last tick left."""

from dataclasses import dataclass, field

from dagster import DagsterInstance, Definitions, build_sensor_context

from taxi_assets.alerts import Alerts, alerts_sensor
from taxi_assets.alerts.memory import Memory
from taxi_assets.settings import Settings


@dataclass
class Watcher:
    """The sensor over an instance.

    Attributes:
        definitions: The code location.
        instance: Where its runs are.
        settings: Of the sensor.
        urls: Who is told.
        cursor: What the last tick left.
        said: Why each tick started no run: what the UI shows of it.
    """

    definitions: Definitions
    instance: DagsterInstance
    settings: Settings
    urls: str
    cursor: str | None = None
    said: list[str] = field(default_factory=list)

    def tick(self, *, dies: bool = False) -> None:
        """Evaluate the sensor once. One that dies sends, but its cursor is never stored."""
        with build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=self.definitions.get_repository_def(),
            resources={"alerts": Alerts(urls=self.urls)},
        ) as context:
            found = alerts_sensor(self.settings).evaluate_tick(context)
        assert not found.run_requests
        self.said.append(found.skip_message or "")
        if not dies:
            self.cursor = found.cursor

    @property
    def memory(self) -> Memory:
        """What the cursor holds."""
        memory, understood = Memory.parsed(self.cursor, 0)
        assert understood
        return memory
