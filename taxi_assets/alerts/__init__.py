"""Alerts: people are told when a month, a check or a service goes wrong, and when it is right again.

- ended_runs.py: which runs ended since the last look
- location.py: which of them are ours
- events.py: what their events tell
- outcomes.py: what that says of every asset's months and every check
- problems.py: what is wrong now; only a change is told
- freshness.py, republished.py, stores.py: what else there is to say
- messages.py, words.py: how it is said
- memory.py: what lasts from look to look, the cursor
- outbox.py: messages, kept until everybody has them; every sensor that tells something has one
- channels.py: Apprise, which knows Slack, e-mail and a hundred others
- resource.py: the resource ``alerts``, who is told
- sensor.py: all of it, twice a minute
- trial.py: ``taxi-assets alert-test``
"""

from taxi_assets.alerts.resource import Alerts
from taxi_assets.alerts.sensor import alerts_sensor

__all__ = ["Alerts", "alerts_sensor"]
