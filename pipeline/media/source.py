"""A file as ffmpeg's input, on the clock that `pipeline.media.clock` found."""

import os
from base64 import b64encode
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import ffmpeg

from pipeline.media.clock import Clock
from pipeline.media.faults import RefusedError
from pipeline.media.gate import INPUT, address

OPTIONS: dict[str, Any] = {**INPUT, "threads": 1}
"""One decoding thread: jobs run side by side."""

LIST = {"protocol_whitelist": "file,data", "format_whitelist": "concat", "f": "concat", "safe": 0}
"""Options of a list of inputs that comes with the command. Its entry is opened with those of `INPUT`."""

GUESSED = {"all": "1", "later": "lt(POS\\,0)"}
"""Which packets have guessed times (`Clock.guessed`), as the bitstream filter asks for it."""


def source(path: Path, clock: Clock, rewrites: Mapping[int, str] | None = None, **given: Any) -> Any:
    """``path`` as an input of ffmpeg-python; its streams have the times that ``clock`` says.

    rewrites: bitstream filters of the packets, by stream. given: further options of the input.
    """
    filters = {index: [rewrite] for index, rewrite in (rewrites or {}).items()}
    for index in clock.pieces.keys() | clock.guessed.keys():
        times = _times(clock.pieces.get(index, []), GUESSED.get(clock.guessed.get(index, ""), "0"))
        filters.setdefault(index, []).append(times)
    options = OPTIONS | given | {f"bsf:{index}": ",".join(chain) for index, chain in filters.items()}
    if clock.pieces:
        # As the one entry of a list: else ffmpeg would mend the times of a broadcast in its own way first.
        return ffmpeg.input(f"data:text/plain;base64,{b64encode(_list(path)).decode()}", **options | LIST)
    if clock.start is not None:
        # With `copyts` ffmpeg leaves the times to us, but for what is taken off here.
        options |= {"copyts": None, "itsoffset": f"{-clock.start:.6f}"}
    return ffmpeg.input(address(path), **options)


def _list(path: Path) -> bytes:
    name = os.fsencode(address(path))
    if b"\n" in name or b"\r" in name:
        raise RefusedError("probe", "its times jump, which asks for a name without line breaks; rename it")
    quoted = name.replace(b"'", b"'\\''")
    given = [f"option {key} {value}\n".encode() for key, value in INPUT.items()]
    return b"".join([b"ffconcat version 1.0\nfile '", quoted, b"'\n", *given])


def _times(pieces: list[tuple[int, int]], guessed: str) -> str:
    """The bitstream filter that gives a stream's packets (numbered N) their times, and takes guessed ones away."""
    shift = f"-STARTPTS+{pieces[0][1]}" if pieces else ""
    for (_, before), (packet, ticks) in pairwise(pieces):
        shift += f"{ticks - before:+d}*gte(N\\,{packet})"
    times = {"pts": "PTS", "dts": "DTS"}
    return "setts=" + ":".join(
        f"{kind}=if({guessed}+eq({time}\\,NOPTS)\\,NOPTS\\,{time}{shift})" for kind, time in times.items()
    )
