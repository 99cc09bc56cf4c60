"""What a reduction saves: seconds of extraction a video by rate, `python -m benchmarks.reduction`."""
