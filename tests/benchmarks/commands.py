"""The benchmarks' commands at tiny sizes."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(question: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    # From another folder: nothing may hang on where the command is started. Nothing is compiled: it takes too long.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TORCH_COMPILE_DISABLE": "1"}
    command = [sys.executable, "-m", f"benchmarks.{question}", "--quick", "--repeats", "1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd="/", env=environment, check=False, timeout=600)
