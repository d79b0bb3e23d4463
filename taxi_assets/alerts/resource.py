"""``alerts``: the resource that tells people something, for any sensor or asset that has to."""

from dagster import ConfigurableResource
from pydantic import Field

from taxi_assets.alerts.channels import Channel, MessageKind, channels_of


class Alerts(ConfigurableResource):  # type: ignore[type-arg]
    """Who is told, as ``TAXI_ALERT_URLS`` names them; nobody by default."""

    urls: str = Field("", repr=False, description="Apprise's URLs, separated by spaces. Secrets.")

    def channels(self) -> list[Channel]:
        """One for each URL, in their order."""
        return channels_of(self.urls)

    def send(self, title: str, body: str, kind: MessageKind = "info") -> list[str]:
        """Send a message to everybody, now.

        Returns:
            What did not go, a sentence each, without any URL; empty if all went, or nobody is to be told.
        """
        failed = [(channel, channel.send(title, body, kind)) for channel in self.channels()]
        return [f"{channel.name}: {why}" for channel, why in failed if why]
