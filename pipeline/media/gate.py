"""The one gate to a media file: a plain file, opened under its own name, that holds all it shows.

Some formats name other files or addresses, and libavformat would open these too: playlists, lists of clips, sequences
of pictures, scripts. None of them is on `CONTAINERS`, whatever the file is called; only files are opened, not what
other protocols reach; and what a name looks like (``http:x.mp4``, ``%03d.mp4``) does not count.
"""

import errno
import os
import stat
from pathlib import Path

import av

from pipeline.media.faults import RefusedError, UnreadableError

CONTAINERS = (
    *("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "asf", "asf_o", "flv", "live_flv", "kux", "ogg", "nut", "swf"),
    *("mpegts", "mpeg", "pva", "ty", "wtv", "mxf", "gxf", "lxf", "rm", "ivr", "nsv", "nuv", "dv", "dhav", "xmv", "thp"),
    *("bink", "smk", "roq", "film_cpk", "flic", "mtv", "mv", "rpl", "smjpeg", "vivo", "r3d", "cine"),
    *("gif", "apng", "yuv4mpegpipe", "ivf", "obu", "av1", "mjpeg", "mjpeg_2000", "mpjpeg", "dirac", "dnxhd", "apv"),
    *("mpegvideo", "m4v", "h261", "h263", "h264", "hevc", "vvc", "evc", "vc1", "vc1test", "cavsvideo", "avs2", "avs3"),
    *("wav", "w64", "aiff", "au", "caf", "voc", "mp3", "aac", "loas", "flac", "ac3", "eac3", "ac4", "dts"),
    *("dtshd", "truehd", "mlp", "amr", "amrnb", "amrwb", "ape", "wv", "tta", "tak", "mpc", "mpc8", "dsf", "oma"),
)
"""Formats of moving pictures and sound, by libavformat's names. Each holds its streams in the file itself."""

INPUT = {"protocol_whitelist": "file", "format_whitelist": ",".join(CONTAINERS)}
"""Options of every input, of libavformat and of ffmpeg. QuickTime's references to other files are off by default."""

OFF_LIST = "Format not on whitelist"
"""How libavformat begins to say that a format is none of `CONTAINERS`."""

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_FOR_GOOD = (errno.EACCES, errno.EPERM, errno.ELOOP)
"""What opening a file ends with whenever it is tried."""


def require_file(path: Path) -> None:
    """Raise `RefusedError` for what is no plain file, or may not be read, and `UnreadableError` for what is not there.

    An empty file is unreadable too. Nothing is waited for, as a named pipe would have it.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
            raise RefusedError("probe", f"{kind}, where a file was expected")
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        fault = RefusedError if error.errno in _FOR_GOOD else UnreadableError
        raise fault("probe", f"cannot be opened: {error.strerror}") from None
    if status.st_size == 0:
        raise UnreadableError("probe", "the file is empty")


def address(path: Path) -> str:
    """``path`` as libavformat and ffmpeg are given it: whatever it is called, nothing in it is a protocol."""
    return f"file:{path.absolute()}"


def open_media(path: Path) -> av.container.InputContainer:
    """Open a media file of `CONTAINERS`."""
    return av.open(address(path), metadata_errors="ignore", options=INPUT)
