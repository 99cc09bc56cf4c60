"""Does a retriever know which of two events comes first? `python -m benchmarks.events`."""
