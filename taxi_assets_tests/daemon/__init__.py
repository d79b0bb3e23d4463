"""The real processes: UI, daemon, code server and runs, with a local CDN standing in for the TLC's."""
