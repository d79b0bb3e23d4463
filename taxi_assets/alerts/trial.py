"""``taxi-assets alert-test``: sends everybody a message and says of each whether it went."""

from rich.console import Console

from taxi_assets.alerts.channels import channels_of
from taxi_assets.settings import Settings

_TITLE = "taxi_assets: a test"
_BODY = "Alerts will look like this, and reach you here. Nothing is wrong."


def try_alerts(settings: Settings, console: Console) -> int:
    """Send a test over every channel; the exit status tells whether all went."""
    channels = channels_of(" ".join(settings.alert_urls))
    if not channels:
        console.print("TAXI_ALERT_URLS is not set: nobody would be told.")
        return 1
    failed = 0
    for channel in channels:
        why = channel.send(_TITLE, f"{_BODY}\n{settings.ui_url}")
        failed += bool(why)
        console.print(f"{channel.name}: {why or 'sent'}", markup=False, highlight=False, soft_wrap=True)
    return int(failed > 0)
