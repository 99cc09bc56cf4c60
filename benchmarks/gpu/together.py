"""One process of several that train together: what it is to do stands in its first argument, as JSON."""

import json
import sys

import torch

from pipeline.config import parse
from pipeline.training.processes import Place
from pipeline.training.train import train_at


def main() -> None:
    """Train one system at a place.

    Two processes on one card stand for two machines of one process each, and meet over gloo: NCCL refuses a card twice.
    """
    task = json.loads(sys.argv[1])
    if task["gloo"]:
        torch.distributed.Backend.default_device_backend_map["cuda"] = "gloo"
    train_at(parse(task["config"]), task["system"], Place(**task["place"]))


if __name__ == "__main__":
    main()
