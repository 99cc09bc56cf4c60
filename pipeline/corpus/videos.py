"""Which files of a folder are its videos, and which are left out."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UserError
from pipeline.inert import shown

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("mp4", "m4v", "mov", "qt", "f4v", "f4p", "ismv", "3gp", "3gpp", "3g2", "3gp2", "mj2", "insv", "lrv"),
        *("mkv", "mk3d", "webm", "avi", "divx", "xvid", "flv", "ogv", "ogm", "asf", "wmv", "wm", "dvr-ms", "wtv"),
        *("ts", "mts", "m2ts", "m2t", "tp", "trp", "mpg", "mpeg", "mpe", "mpv", "m1v", "m2v", "mp2v", "m2p", "vob"),
        *("mxf", "gxf", "gif", "rm", "rmvb", "dv", "dif", "nut", "nsv", "amv", "y4m", "ivf", "obu"),
        *("mjpg", "mjpeg", "h261", "h263", "h264", "264", "avc", "h265", "265", "hevc"),
    )
)
"""Suffixes, in lower case, by which a file is a video, as ffmpeg knows them."""

NAMED = 8
"""How many of the files that are left out are named."""
HEAD_BYTES = 4096
ID_LENGTH = 1000
_UNUSABLE = "its name has a tab, a line break or a mark that is not seen: rename it"
_SUFFIX = re.compile(r"\.[a-z][a-z0-9_-]{0,7}", re.IGNORECASE)
"""What counts as a suffix besides `SUFFIXES`; `take 1.2` has none."""

_STILL_OR_SOUND = (b"M4A ", b"M4B ", b"M4P ", b"heic", b"heix", b"mif1", b"msf1", b"avif", b"crx ")
_BOXES = (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"wide", b"free", b"skip", b"pnot")
_STARTS = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF
    b"\x06\x0e\x2b\x34\x02\x05\x01\x01",  # MXF
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
    b"\xb7\xd8\x00\x20\x37\x49\xda\x11",  # WTV
    *(b"FLV\x01", b"GIF87a", b"GIF89a", b".RMF", b"YUV4MPEG2 ", b"DKIF", b"nut/multimedia container"),
)
_OGG_VIDEO = (b"\x80theora", b"OVP80", b"BBCD\x00", b"\x01video\x00")
_PACKETS = ((188, 0), (192, 4), (204, 0))
"""Lengths of a transport stream's packets, and where their first byte, 0x47, stands: plain, Blu-ray, with parity."""


@dataclass(frozen=True)
class Videos:
    """The videos of ``folder`` by id, and the names of what is left out in it, with the reason where it says more."""

    folder: Path
    files: dict[str, Path]
    left_out: tuple[str, ...]

    @property
    def note(self) -> str | None:
        """One line about what is left out; None where nothing is."""
        if not self.left_out:
            return None
        named = ", ".join(self.left_out[:NAMED])
        more = len(self.left_out) - NAMED
        rest = f" and {more} more" if more > 0 else ""
        return f"{self.folder}: {len(self.left_out)} of its entries not taken as videos: {named}{rest}"


@dataclass(frozen=True)
class _LeftOut:
    """What is not taken. rank: what is more likely a video stands first."""

    rank: int
    name: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{_printable(self.name)} ({self.reason})" if self.reason else _printable(self.name)


def find_videos(folder: Path, recursive: bool = False, by_path: bool = False) -> Videos:
    """The videos of ``folder``, and with ``recursive`` of the folders in it, sorted by path.

    A video is a file with one of `SUFFIXES`, in any case of letters, or one without a suffix that begins like a video.
    Its id is its name without the suffix, and has to be `usable`; by_path: its path below the folder, so that no two
    have the same. Hidden files are left alone. Raises `UserError` when the folder is not there, and when two files have
    one id.
    """
    if not folder.is_dir():
        said = "a file, expected a folder of videos" if folder.is_file() else "no such folder of videos"
        raise UserError(f"{folder}: {said}")
    paths: list[Path] = []
    left_out: list[_LeftOut] = []
    for path, reason in _entries(folder, recursive, set()):
        if reason is None and not by_path and not usable(_id(path)):
            left_out.append(_LeftOut(0, str(path.relative_to(folder)), _UNUSABLE))
        elif reason is None:
            paths.append(path)
        else:
            left_out.append(_LeftOut(reason[0], str(path.relative_to(folder)), reason[1]))
    videos: dict[str, Path] = {}
    for path in sorted(paths):
        video_id = str(path.relative_to(folder)) if by_path else _id(path)
        if video_id in videos:
            names = " and ".join(_printable(str(each.relative_to(folder))) for each in (videos[video_id], path))
            raise UserError(f"{folder}: {names} have the same id {video_id}; rename one of them, or take it out")
        videos[video_id] = path
    return Videos(folder, videos, tuple(map(str, sorted(left_out, key=lambda each: (each.rank, each.name)))))


def usable(video_id: str) -> bool:
    """Whether a text can be a video's id: some characters on one line, each of which is one."""
    return bool(video_id) and shown(video_id) == video_id and len(video_id) <= ID_LENGTH


def _entries(
    folder: Path, recursive: bool, inside: set[tuple[int, int]]
) -> Iterator[tuple[Path, tuple[int, str] | None]]:
    """Every entry that is not hidden, with rank and reason where it is not taken. inside: folders on the way, by inode.

    A link may lead back into a folder that it is in.
    """
    status = folder.stat()
    inside = inside | {(status.st_dev, status.st_ino)}
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        yield folder, (0, f"a folder that cannot be listed: {error.strerror}")
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith("."):
            if _suffix(entry.name) and not entry.name.startswith("._"):
                yield path, (3, "hidden")
        elif not path.is_dir() if entry.is_symlink() else not entry.is_dir():
            yield path, _refused(path)
        elif not recursive:
            yield path, (2, "a folder: videos_recursive looks into folders")
        elif (path.stat().st_dev, path.stat().st_ino) not in inside:
            yield from _entries(path, recursive, inside)


def _refused(path: Path) -> tuple[int, str] | None:
    """Why a file is not taken; None where it is."""
    suffix = _suffix(path.name)
    if suffix is None and _SUFFIX.fullmatch(path.suffix):
        return (4, "")
    if not path.is_file():
        return (1, "no file: a link to nothing, a pipe or a device")
    if suffix is None:
        try:
            if not _begins_like_a_video(path):
                return (4, "")
        except OSError as error:
            return (1, str(error.strerror))
    if not _is_utf8(str(path)):
        return (0, "its name is not UTF-8: rename it")
    return None


def _suffix(name: str) -> str | None:
    """The suffix of a video's name, as it stands there."""
    suffix = Path(name).suffix
    return suffix if suffix.lower() in SUFFIXES else None


def _id(path: Path) -> str:
    return path.name.removesuffix(_suffix(path.name) or "")


def _begins_like_a_video(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head[4:8] in _BOXES:
        return head[8:12] not in _STILL_OR_SOUND
    if head.startswith(b"RIFF"):
        return head[8:12] == b"AVI "
    if head.startswith(b"OggS"):
        return any(sign in head for sign in _OGG_VIDEO)
    return head.startswith(_STARTS) or any(head[at::length][:3] == b"GGG" for length, at in _PACKETS)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(name: str) -> str:
    """A name on one line, its bytes that are not UTF-8 as escapes."""
    return shown(os.fsencode(name).decode(errors="backslashreplace"))
