"""The one error a user is meant to read, and what the machine refuses, in words."""

import errno
import re

from pipeline.inert import shown

REFUSED = frozenset(
    getattr(errno, name)
    for name in (
        *("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO", "ESTALE", "EACCES", "EPERM"),
        *("EMFILE", "ENFILE", "ENOLCK", "ENOTSUP", "ENAMETOOLONG"),
    )
    if hasattr(errno, name)
)
"""What a disk or a system may answer to anyone; any other error of the system is a bug, and worth a traceback."""
LONGEST = 1500
"""Characters of a message."""
_NO_MEMORY = (
    *("DefaultCPUAllocator: ", "could not create a primitive", "std::bad_alloc"),
    *("can't start new thread", "failed to map segment", "cannot allocate memory in static TLS"),
)
"""What PyTorch, Python and the loader of libraries say when the system gives them no memory."""
_HDF5 = re.compile(r"filename = '(?P<path>[^']+)'.*?error message = '(?P<words>[^']+)'")


class UserError(Exception):
    """Something the user can mend: one line naming the file, the item, what was expected and what to do.

    The command line prints it as ``error: <message>`` and exits with status 1; a traceback is for bugs. A message is
    one line, whatever it quotes, and of something endless the middle is left out.
    """

    def __init__(self, message: str) -> None:
        message, half = shown(message), LONGEST // 2
        super().__init__(message if len(message) <= LONGEST else f"{message[:half]} ... {message[-half:]}")


def refusal(error: OSError | MemoryError | RuntimeError | ImportError) -> str | None:
    """One line about something the machine refused, with the file where it is known; None where this is a bug."""
    if type(error).__name__ == "OutOfMemoryError":  # PyTorch's: it is not imported for this
        return "not enough memory on the device; lower the size of a batch, or give device: cpu"
    no_memory = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    if no_memory or any(words in str(error) for words in _NO_MEMORY):
        return "not enough memory; give the job more"
    if not isinstance(error, OSError):
        return None
    if error.errno not in REFUSED:
        return None
    if found := _HDF5.search(str(error)):
        return f"{found['path']}: {found['words']}"
    return f"{error.filename}: {error.strerror}" if error.filename is not None else " ".join(str(error).split())
