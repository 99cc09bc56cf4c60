"""`python -m pipeline` is `avsd`."""

from pipeline.cli import main

main()
