"""How fast are questions answered? `python -m benchmarks.answering`."""
