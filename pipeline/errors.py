"""The one error a user is meant to read, and what the machine refuses, in words."""

import errno
import re

REFUSED = frozenset(
    getattr(errno, name)
    for name in (
        *("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO", "ESTALE", "EACCES", "EPERM"),
        *("ENOMEM", "EMFILE", "ENFILE", "ENOLCK", "ENOTSUP", "ENAMETOOLONG"),
    )
    if hasattr(errno, name)
)
"""What a disk or a system may answer to anyone; any other error of the system is a bug, and worth a traceback."""
_NO_MEMORY = "DefaultCPUAllocator: "
"""What PyTorch says when the system gives it no memory."""
_HDF5 = re.compile(r"filename = '(?P<path>[^']+)'.*?error message = '(?P<words>[^']+)'")


class UserError(Exception):
    """Something the user can mend: one line naming the file, the item, what was expected and what to do.

    The command line prints it as ``error: <message>`` and exits with status 1; a traceback is for bugs.
    """


def refusal(error: OSError | MemoryError | RuntimeError) -> str | None:
    """One line about something the machine refused, with the file where it is known; None where this is a bug.

    PyTorch, which is not imported for this, tells of memory in words of its own.
    """
    if isinstance(error, MemoryError) or _NO_MEMORY in str(error):
        return "not enough memory; give the job more"
    if type(error).__name__ == "OutOfMemoryError":
        return "not enough memory on the device; lower the size of a batch, or give device: cpu"
    if isinstance(error, RuntimeError):
        return None
    if error.errno not in REFUSED:
        return None
    if found := _HDF5.search(str(error)):
        return f"{found['path']}: {found['words']}"
    return f"{error.filename}: {error.strerror}" if error.filename is not None else " ".join(str(error).split())
