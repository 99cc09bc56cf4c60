"""How fast are systems trained? `python -m benchmarks.training`."""
