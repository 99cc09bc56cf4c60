"""What a trained system was made with."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from pipeline import __version__
from pipeline.versions import STAGES

PACKAGES = ("torch", "numpy", "lightning-fabric", "safetensors")


def versions() -> dict[str, str | int]:
    """Versions of the project, of its training stage, of Python and of the packages that matter to a model."""
    found: dict[str, str | int] = {"avsd": __version__, "training_stage": STAGES["training"]}
    found["python"] = platform.python_version()
    return found | {package: version(package) for package in PACKAGES}


def git_commit() -> str | None:
    """The commit of the project's checkout, ending in `-dirty` where files differ from it; None outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
