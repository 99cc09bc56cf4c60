"""What a training imports before its first step: seconds of each job, and memory."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

UNUSED = ("torchmetrics", "torchvision", "matplotlib", "pandas", "scipy", "gradio", "av")


def test_a_training_starts_without_what_it_does_not_use() -> None:
    if find_spec("torchmetrics") is not None:
        pytest.skip("Fabric imports torchmetrics, and with it torchvision, where it is installed")
    code = f"import sys, pipeline.training.train; print(sorted(set({UNUSED}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout == "[]\n"
