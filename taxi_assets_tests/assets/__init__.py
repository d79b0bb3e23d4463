"""The asset graph, run for real: four services, three targets, and everything that can go wrong on the way."""
