"""Do the networks learn to compare? `python -m benchmarks.comparing`."""
