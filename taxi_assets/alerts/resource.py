"""``alerts``: the resource that knows who is told, for every sensor that has something to tell."""

from dagster import ConfigurableResource
from pydantic import Field

from taxi_assets.alerts.channels import Channel, channels_of


class Alerts(ConfigurableResource):  # type: ignore[type-arg]
    """Who is told, as ``TAXI_ALERT_URLS`` names them; nobody by default."""

    urls: str = Field("", repr=False, description="Apprise's URLs, separated by spaces. Secrets.")

    def channels(self) -> list[Channel]:
        """One for each URL, in their order."""
        return channels_of(self.urls)
