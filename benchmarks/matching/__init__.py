"""JSFusion: a step beside a plain implementation, and what a pair takes: `python -m benchmarks.matching`."""
