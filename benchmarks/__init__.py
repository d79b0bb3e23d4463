"""How fast and how small it is, as ratios of interleaved rounds: nothing here is a test, and nothing fails.

``python -m benchmarks.postgres_load`` and ``python -m benchmarks.memory`` run at a small size to see that
they work; ``--full`` takes the sizes of real months, ``--write`` puts the results into docs/performance.md.
"""
