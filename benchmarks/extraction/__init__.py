"""How fast are features extracted? `python -m benchmarks.extraction`."""
