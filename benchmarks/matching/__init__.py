"""JSFusion and tracing LSTMs: steps beside plain ones, and the time of a pair: `python -m benchmarks.matching`."""
