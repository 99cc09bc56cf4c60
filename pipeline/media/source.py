"""A file as ffmpeg's input, on the clock that `pipeline.media.clock` found."""

import os
from base64 import b64encode
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import ffmpeg

from pipeline.media.clock import Clock

OPTIONS: dict[str, Any] = {"protocol_whitelist": "file", "threads": 1}
"""One decoding thread: jobs run side by side. Only local files, whatever a playlist in disguise asks for."""


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
        name = os.fsencode(path.absolute()).replace(b"'", b"'\\''")
        entries = b64encode(b"ffconcat version 1.0\nfile 'file:" + name + b"'\n").decode()
        options |= {"protocol_whitelist": "file,data", "f": "concat", "safe": 0}
        return ffmpeg.input(f"data:text/plain;base64,{entries}", **options)
    if clock.start is not None:
        # With `copyts` ffmpeg leaves the times to us, but for what is taken off here.
        options |= {"copyts": None, "itsoffset": f"{-clock.start:.6f}"}
    return ffmpeg.input(f"file:{path}", **options)


def _times(pieces: list[tuple[int, int]], guessed: str) -> str:
    """The bitstream filter that gives a stream's packets (numbered N) their times, and takes guessed ones away."""
    shift = f"-STARTPTS+{pieces[0][1]}" if pieces else ""
    for (_, before), (packet, ticks) in pairwise(pieces):
        shift += f"{ticks - before:+d}*gte(N\\,{packet})"
    times = {"pts": "PTS", "dts": "DTS"}
    return "setts=" + ":".join(
        f"{kind}=if({guessed}+eq({time}\\,NOPTS)\\,NOPTS\\,{time}{shift})" for kind, time in times.items()
    )
