"""Dialog networks: pure tensors, no files. `pipeline.networks.registry` builds one from its name."""
