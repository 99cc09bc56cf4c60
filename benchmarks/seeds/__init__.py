"""Is the order of systems luck? `python -m benchmarks.seeds`."""
