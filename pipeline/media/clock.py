"""The one clock of a file's picture and sound, found in the times of its packets before anything is decoded.

Picture and sound are decoded by separate runs of ffmpeg. In containers whose clock may be set anew (MPEG-TS and its
relatives) ffmpeg takes second 0 and every break from the streams of one run, so that two runs do not agree; and in
recordings that were joined the times jump. Here both streams are looked at together, and every run is told the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.format import Flags
from numpy.typing import NDArray

from pipeline.media.extents import Extent, extent
from pipeline.media.faults import UnreadableError
from pipeline.media.gate import open_media
from pipeline.media.probe import Probe, probe
from pipeline.media.tracks import AHEAD, BACK, Track, read_tracks

BROADCAST = {"mpegts", "mpeg"}
"""Formats whose clock may jump ahead at a break, and whose packets come out later than they lie in the file."""

COUNTED = {"aac", "loas"}
"""Bare sound, whose times libavformat counts at the first rate, whatever the rate is later."""

ALONE = 1.0
"""Seconds by which times of one stream must leave those of the other to be mended: less is left to the decoder."""

TOGETHER = 0.5
"""Seconds between a jump of one stream and of the other that are one: first packets behind it may have old times."""

PADDING = 0.06
"""Seconds that a coder may add to the end of the sound, two blocks of the longest: the picture need not wait for it."""

PICTURE = 0
"""Number of the picture's track, where a file has picture and sound."""

MOST_PIECES = 2000
"""A file whose times jump more often is no recording (and a command line has an end)."""


@dataclass(frozen=True)
class Clock:
    """How the times of packets become the clip's; its second 0 is the first moment of picture and sound.

    start: second of the container's clock that is second 0; None where it is the file's own start, which ffmpeg
    subtracts by itself. pieces: where times jump, by stream: (packet, ticks) for packet 0 and every packet at which the
    distance between the container's clock and the clip's changes; ticks of the stream's time base at which its first
    packet would stand, were the distance everywhere as from this packet on. guessed: by stream, which packets have
    times that libavformat counted at a rate that need not be theirs: all, or the later ones of several under one time.
    Their samples are counted instead. extents: by stream, as far as they are known before it is decoded.
    """

    start: float | None = None
    pieces: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    guessed: dict[int, Literal["all", "later"]] = field(default_factory=dict)
    extents: dict[int, Extent | None] = field(default_factory=dict, compare=False)


@dataclass
class Jump:
    """Where times jump. packets: the first behind it, by number of the track. after, place: it lies between them."""

    packets: dict[int, int]
    after: float
    place: float


def look_into(path: Path) -> tuple[Probe, Clock]:
    """What a file holds, and its clock. Raises what `probe` and `read_clock` raise."""
    probed = probe(path)
    return probed, read_clock(path, probed)


def read_clock(path: Path, probed: Probe) -> Clock:
    """The clock of the chosen picture and sound of ``path``.

    Files with an index of their packets have no jumps and are not read. Raises `UnreadableError` when the file cannot
    be opened or its times jump more than `MOST_PIECES` times.
    """
    chosen = [stream.index for stream in (probed.picture, probed.sound) if stream is not None]
    if probed.extents is not None or not chosen:
        return Clock(extents=probed.extents or {})
    if probed.container in COUNTED:
        return Clock(guessed=dict.fromkeys(chosen, "all"))
    broadcast = probed.container in BROADCAST
    try:
        with open_media(path) as container:
            settable = bool(Flags(container.format.flags) & Flags.ts_discont)
            tracks = read_tracks(container, chosen, broadcast)
    except (av.FFmpegError, OSError) as error:
        raise UnreadableError("probe", "not a readable media file", str(error.strerror or error)) from None
    if not tracks:
        return Clock()
    start = min(track.start for track in tracks)
    guessed: dict[int, Literal["all", "later"]] = {}
    if broadcast and probed.sound is not None:
        guessed[probed.sound.index] = "later"
    joins, strays = _judge(tracks, _jumps(tracks), broadcast)
    if joins or any(track.turns.any() for track in tracks) or any(stray.any() for stray in strays):
        shifts = _shifts(tracks, start, joins, strays)
        pieces = {track.index: _ticks(track, shift) for track, shift in zip(tracks, shifts, strict=True)}
        if (count := sum(map(len, pieces.values()))) > MOST_PIECES:
            raise UnreadableError("probe", f"the times of its packets jump {count} times")
        return Clock(pieces=pieces, guessed=guessed, extents=_extents(tracks, shifts))
    extents = _extents(tracks, [np.full(len(track.pts), -start) for track in tracks])
    return Clock(start if settable else None, guessed=guessed, extents=extents)


def _extents(tracks: Sequence[Track], shifts: Sequence[NDArray[np.float64]]) -> dict[int, Extent | None]:
    """Of each track whose times are shifted by so many seconds."""
    shown = [track.pts + shift for track, shift in zip(tracks, shifts, strict=True)]
    return {
        track.index: extent(begins, float((begins + track.length).max()))
        for track, begins in zip(tracks, shown, strict=True)
    }


def _leaps(track: Track) -> Iterator[int]:
    """Packets that begin before the one before, or long after it has ended."""
    rises = np.diff(track.dts)
    for before in np.flatnonzero((rises < -BACK) | (rises - track.length[:-1] > ALONE / 2)):
        yield int(before) + 1


def _jumps(tracks: Sequence[Track]) -> list[Jump]:
    """Places at which times jump, in the order of the file; where both streams jump at one place, it is one jump."""
    found = [
        Jump({number: packet}, track.place[packet - 1], track.place[packet])
        for number, track in enumerate(tracks)
        for packet in _leaps(track)
    ]
    jumps: list[Jump] = []
    for jump in sorted(found, key=lambda jump: jump.place):
        ((number, packet),) = jump.packets.items()
        between = tracks[number].length
        same = next(
            (
                one
                for one in jumps
                if number not in one.packets and between[tracks[number].at(one.place) : packet].sum() < TOGETHER
            ),
            None,
        )
        if same is None:
            jumps.append(jump)
        else:
            same.packets |= jump.packets
            same.after = max(same.after, jump.after)
    return jumps


def _judge(
    tracks: Sequence[Track], jumps: Sequence[Jump], broadcast: bool
) -> tuple[list[Jump], list[NDArray[np.float64]]]:
    """The jumps of the clock itself, where recordings were joined, and seconds to add to the packets of each track.

    A clock that jumps takes both streams with it. Times of one stream that leave those of the other are damaged: they
    are put back to where that stream was, until they come back by themselves.
    """
    joins: list[Jump] = []
    added = [np.zeros(len(track.dts)) for track in tracks]
    for jump in jumps:
        number, packet = next(iter(jump.packets.items()))
        kind = _kind(tracks, jump, added, broadcast)
        if kind == "join":
            joins.append(jump)
        elif kind == "stray":
            added[number][packet:] -= tracks[number].step(packet)
        elif kind == "return":
            added[number][packet:] = 0
    return joins, added


def _kind(
    tracks: Sequence[Track], jump: Jump, added: Sequence[NDArray[np.float64]], broadcast: bool
) -> Literal["join", "stray", "return", "gap"]:
    number, packet = next(iter(jump.packets.items()))
    step = tracks[number].step(packet)
    if len(jump.packets) == 1 and len(tracks) == 2:
        other, time = tracks[1 - number], float(tracks[number].dts[packet])
        beside = other.at(jump.place)
        if beside < len(other.dts):
            clock, before = float(other.dts[beside] + added[1 - number][beside]), float(added[number][packet])
            if abs(time + before - step - clock) < abs(time - clock):
                return "stray" if abs(step) > ALONE else "gap"
            if before:
                return "return"
            if abs(step) < ALONE or (beside and (step > 0 or abs(other.step(beside)) < BACK)):
                return "gap"  # a stream may rest while the other goes on
    return "join" if step < 0 or (broadcast and step > AHEAD) else "gap"


def _shifts(
    tracks: Sequence[Track], start: float, joins: Sequence[Jump], added: Sequence[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    """Seconds to add to the times of each track: each recording begins where the one before ends."""
    bounds = [_bounds(tracks, number, joins) for number in range(len(tracks))]
    shifts = [seconds.copy() for seconds in added]
    reached: dict[int, float] = {}
    for part in range(len(joins) + 1):
        inside = [slice(*bound[part : part + 2]) for bound in bounds]
        begins, ends = {}, {}
        for number, track in enumerate(tracks):
            shown = track.pts[inside[number]] + added[number][inside[number]]
            if len(shown):
                begins[number] = float(shown.min())
                ends[number] = float((shown + track.length[inside[number]]).max())
        shift = _follow(reached, begins) if reached else -start
        for number in begins:
            shifts[number][inside[number]] += shift
            reached[number] = ends[number] + shift
    return shifts


def _bounds(tracks: Sequence[Track], number: int, joins: Sequence[Jump]) -> list[int]:
    """Packets of a track at which its parts begin, and N."""
    track = tracks[number]
    bounds = [0, *(_first_behind(tracks, number, join) for join in joins), len(track.dts)]
    return [int(bound) for bound in np.maximum.accumulate(bounds)]


def _first_behind(tracks: Sequence[Track], number: int, join: Jump) -> int:
    if number in join.packets:
        return join.packets[number]
    track, (other, packet) = tracks[number], next(iter(join.packets.items()))
    new, old = tracks[other].dts[packet], tracks[other].dts[packet - 1]
    behind = track.at(join.place)
    for between in range(track.at(np.nextafter(join.after, np.inf)), behind):
        if abs(track.dts[between] - new) < abs(track.dts[between] - old):
            return between
    return behind


def _follow(reached: dict[int, float], begins: dict[int, float]) -> float:
    """Seconds to add to a recording that follows: it begins where the ones before end, or their picture (`PADDING`)."""
    whole = max(reached.values()) - min(begins.values())
    if PICTURE in reached and PICTURE in begins:
        picture = reached[PICTURE] - begins[PICTURE]
        return picture if whole - picture < PADDING else whole
    return whole


def _ticks(track: Track, shift: NDArray[np.float64]) -> list[tuple[int, int]]:
    total = shift + track.turns
    changes = [0, *(int(packet) + 1 for packet in np.flatnonzero(np.diff(total)))]
    ticks = [round((track.first + float(total[packet])) / track.time_base) for packet in changes]
    return list(zip([0, *(int(track.number[packet]) for packet in changes[1:])], ticks, strict=True))
