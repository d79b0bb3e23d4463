"""Servers that tests run for real on the loopback: a CDN like the TLC's, and an emulator of GCS."""
