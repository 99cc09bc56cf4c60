"""JSFusion and tracing LSTMs: a step beside a plain implementation, what a pair takes: `python -m benchmarks.matching`."""
