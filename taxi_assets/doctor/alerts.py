"""``TAXI_ALERT_URLS``: whether Apprise understands who is to be told. Nothing is sent."""

from collections.abc import Iterator

from taxi_assets.alerts.channels import channels_of
from taxi_assets.doctor.finding import About, Finding
from taxi_assets.settings import Settings


def examine_alerts(settings: Settings) -> Iterator[Finding]:
    """A line for each URL, which shows its scheme at most."""
    about = About("TAXI_ALERT_URLS")
    if not settings.alert_urls:
        yield about.ok("alerts", "not set: nobody is told of failures")
    for channel in channels_of(" ".join(settings.alert_urls)):
        if channel.understood():
            yield about.ok(
                "alerts", f"{channel.name} is understood; `taxi-assets alert-test` sends a message"
            )
        else:
            yield about.problem(
                "alerts",
                f"{channel.name} is not understood by Apprise",
                "Compare the URL with docs/get-alerted.md and Apprise's own page of that service.",
            )
