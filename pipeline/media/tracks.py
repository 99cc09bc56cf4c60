"""The times of a file's packets, stream by stream, without those that libavformat made up."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.media.probe import INDEXED

TURN = 2**33 / 90000
"""Seconds after which the clock of a broadcast begins at 0 again."""

FAR = 1e9
"""More seconds than any file lasts."""

BACK = 0.1
"""Seconds by which times that step back have jumped, as ffmpeg has it."""

AHEAD = 10.0
"""Seconds by which times that step ahead have jumped and are no gap, as ffmpeg has it."""


@dataclass(frozen=True)
class Track:
    """Packets of a stream that have times of their own, in the order in which they come out, (N,) each.

    number: among all packets of the stream. place: which of two packets comes first in the file, comparable between
    streams, never falling. dts, pts: seconds. length: seconds until the next one would begin. turns: seconds that were
    added to dts and pts. first: pts of the first packet. start: second at which the stream begins to be shown or heard.
    """

    index: int
    time_base: float
    first: float
    start: float
    number: NDArray[np.int64]
    place: NDArray[np.float64]
    dts: NDArray[np.float64]
    pts: NDArray[np.float64]
    length: NDArray[np.float64]
    turns: NDArray[np.float64]

    def rise(self, packet: int) -> float:
        """Seconds from the begin of the packet before to the begin of ``packet``."""
        return float(self.dts[packet] - self.dts[packet - 1])

    def step(self, packet: int) -> float:
        """Seconds from the end of the packet before to the begin of ``packet``."""
        return self.rise(packet) - float(self.length[packet - 1])

    def at(self, place: float) -> int:
        """The first packet that lies at ``place`` or behind it; N when there is none."""
        return int(np.searchsorted(self.place, place))


def read_tracks(container: av.container.InputContainer, chosen: Sequence[int], broadcast: bool) -> list[Track]:
    """The streams ``chosen`` that have times. A file that breaks off is read as far as it goes."""
    rows = {index: array("d") for index in chosen}
    bases = {index: float(container.streams[index].time_base or 1) for index in chosen}
    grouped = {index for index in chosen if broadcast and container.streams[index].type == "audio"}
    try:
        for count, packet in enumerate(container.demux([container.streams[index] for index in chosen])):
            index, dts, pts, place = packet.stream_index, packet.dts, packet.pts, packet.pos
            if dts is None and pts is None and packet.size == 0:
                continue  # PyAV's sign that a stream has ended
            if place is None:
                place = -1
            if index in grouped and place < 0:
                dts = pts = None
            base = bases[index]
            rows[index].extend(
                (
                    place if broadcast else count,
                    math.nan if dts is None else dts * base,
                    math.nan if pts is None else pts * base,
                    (packet.duration or 0) * base,
                )
            )
    except av.FFmpegError:
        pass  # the decoder meets it too, and says so
    found = [_track(container.streams[index], np.array(row).reshape(-1, 4).T, broadcast) for index, row in rows.items()]
    return [track for track in found if track is not None]


def _track(stream: av.stream.Stream, columns: NDArray[np.float64], broadcast: bool) -> Track | None:
    """None when no packet has a time."""
    place, dts, pts, length = columns
    if np.isnan(dts).all():
        dts = pts
    number = np.flatnonzero(~np.isnan(dts))
    if not len(number):
        return None
    shown = pts[~np.isnan(pts)]
    first = float(shown[0]) if len(shown) else float(dts[number[0]])
    # Without what decoders leave out at the beginning. Of a damaged beginning the packets know more than the container.
    declared = first if stream.start_time is None else float(stream.start_time * (stream.time_base or 1))
    place, dts, pts = place[number], dts[number], np.where(np.isnan(pts), dts, pts)[number]
    turns = _turns(dts) if broadcast else np.zeros_like(dts)
    if stream.container.format.name in INDEXED:
        # Fragments come out in the order of their times, each stream for itself where these step back.
        place = np.cumsum(np.diff(dts, prepend=dts[0]) < -BACK) * FAR + dts
    return Track(
        index=stream.index,
        time_base=float(stream.time_base or 1),
        first=first,
        start=declared if abs(declared - first) < BACK else first,
        number=number,
        place=np.maximum.accumulate(place),
        dts=dts + turns,
        pts=pts + turns,
        length=_lengths(dts + turns, number, length, stream.type == "audio"),
        turns=turns,
    )


def _lengths(
    dts: NDArray[np.float64], number: NDArray[np.int64], length: NDArray[np.float64], sound: bool
) -> NDArray[np.float64]:
    """(N,) seconds of each timed packet and the untimed ones that follow it, from the ``length`` of every packet."""
    rises = np.diff(dts)
    usual = float(np.median(rises[rises > 0])) if (rises > 0).any() else 0.0
    total: NDArray[np.float64] = np.add.reduceat(np.where(length > 0, length, usual), number)
    if sound and len(dts) > 1:
        # The container's lengths are of one rate: the packet before shows which rate there is.
        ratio = np.append(1.0, rises / np.maximum(total[:-1], 1e-9))
        total = total * np.where((ratio > 0.5) & (ratio < 2), ratio, 1.0)
    return total


def _turns(dts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds to add where the clock of a broadcast has begun at 0 again: libavformat sees it in a first recording."""
    steps = np.diff(dts, prepend=dts[0])
    turned = np.round(steps / TURN)
    turned[np.abs(steps - turned * TURN) > AHEAD] = 0
    turns: NDArray[np.float64] = -np.cumsum(turned) * TURN
    return turns
