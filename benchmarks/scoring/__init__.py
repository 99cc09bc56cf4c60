"""How fast are answers scored? `python -m benchmarks.scoring`."""
