"""How fast and how small it is, as ratios of interleaved rounds: nothing here is a test, and nothing fails.

``python -m benchmarks`` runs every part at a small size, for a look; ``python -m benchmarks.memory``
one of them; ``--full`` takes the sizes of real months, ``--write`` puts the results into docs/performance.md.
"""
