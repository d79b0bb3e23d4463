"""The asset graph, run for real: four services, three targets, and what can go wrong on the way."""
