"""One suite, run over every target: what ``taxi_assets.targets.target`` promises, proved."""
