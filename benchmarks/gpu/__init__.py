"""A GPU checked: right, fast, many, and what the whole of Charades would take; `python -m benchmarks.gpu`."""
