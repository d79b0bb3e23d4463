"""Runs on several machines: dagster-celery's run launcher, with an eye on whether the workers live."""
