"""Decode the videos of a shard into one HDF5 file: frames as uint8, sound as float32.

Memory does not grow with the length of a clip: frames and sound pass through in blocks of `BLOCK_BYTES`.
The file's layout is in `pipeline.media.decoded`.
"""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from importlib.metadata import version as package_version
from math import floor
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline import __version__
from pipeline.config import FrameMedia, Media
from pipeline.errors import UserError
from pipeline.files import atomic_path, write_text
from pipeline.hdf5 import Attribute, create_hdf5
from pipeline.inert import cells
from pipeline.media import ffmpeg
from pipeline.media.apart import Apart
from pipeline.media.changes import decode_changing, survey
from pipeline.media.clock import Clock, look_into
from pipeline.media.colour import Reading, fallbacks
from pipeline.media.convert import CONVERSION
from pipeline.media.endings import StoppedError, require_readable
from pipeline.media.extents import require, require_pictures, require_size, require_sound
from pipeline.media.faults import RefusedError, UnreadableError, UnusableVideoError
from pipeline.media.probe import Picture, Probe, Sound
from pipeline.media.sound import placed, sound_command
from pipeline.progress import log, progress, tell
from pipeline.versions import STAGES

BLOCK_BYTES = 4 << 20
Look = Callable[[Path], tuple[Probe, Clock]]
QUARANTINE_COLUMNS = ("video", "stage", "reason", "decoder's words")
FRAMES, SOUND = "frames", "sound"
"""What is decoded, as `pipeline.progress.tell` has it, in seconds of the clip."""


def decode_shard(
    videos: dict[str, Path], media: Media, out: Path, quarantine: Path, *, frames: bool, sound: bool
) -> None:
    """Decode ``videos`` (path by id) into ``out``; list those that cannot be used in ``quarantine`` (tab-separated).

    A video whose first part decodes is kept with what decodes, and a warning is logged. A video without a sound track
    is kept; so is one whose track gives no sample, with a warning. In ``quarantine`` stand faults of the data alone,
    each found twice: whatever happens to the decoder, or to the reading of a file, is a `UserError`, after which
    neither file is written. Raises `UserError` also when more than ``media.max_bad_fraction`` of the videos are bad
    (above 0, one bad video is always allowed: in a shard of fewer than 20 a fraction says little); the quarantine file
    is written, and its lines are logged, all the same. Also raises it when the ffmpeg binary lacks the filter that
    frames need.
    """
    bad: list[tuple[str, UnreadableError]] = []
    with atomic_path(out) as temporary:
        with create_hdf5(temporary, out) as file, Apart(look_into) as look:
            file.attrs.update(_provenance(media, frames, sound))
            for video_id, path in progress(videos.items(), len(videos), f"decode {out.stem}", "videos"):
                try:
                    _decode(file, video_id, path, media, look, frames=frames, sound=sound)
                except UnreadableError as error:
                    log(f"{path}: left out: {error}")
                    bad.append((video_id, error))
        if len(bad) > allowed_bad(len(videos), media.max_bad_fraction):
            _write_quarantine(quarantine, bad)
            raise UserError(
                f"shard {out.stem}: {len(bad)} of {len(videos)} videos could not be read (why: the lines above), "
                f"more than media.max_bad_fraction {media.max_bad_fraction:g} allows; mend or remove them, or raise it"
            )
    _write_quarantine(quarantine, bad)


def decode_video(video_id: str, path: Path, media: Media, out: Path, *, frames: bool, sound: bool) -> None:
    """Decode one video into ``out``, a shard of its own. What is wrong with it is an `UnusableVideoError`."""
    with atomic_path(out) as temporary, create_hdf5(temporary, out) as file, Apart(look_into) as look:
        file.attrs.update(_provenance(media, frames, sound))
        try:
            _decode(file, video_id, path, media, look, frames=frames, sound=sound)
        except UnreadableError as error:
            raise UnusableVideoError(f"{path}: cannot be used: {' '.join(str(error).split())}") from None


def allowed_bad(videos: int, fraction: float) -> int:
    """How many bad videos a shard may have: ``fraction`` of them, at least one unless ``fraction`` is 0."""
    return 0 if fraction == 0 else max(1, floor(fraction * videos + 1e-9))


def _provenance(media: Media, frames: bool, sound: bool) -> dict[str, Attribute]:
    return {
        "media": media.model_dump_json(include=set(FrameMedia.model_fields)),
        "frames": frames,
        "sound": sound,
        "conversion": CONVERSION,
        "ffmpeg_version": ffmpeg.version(),
        "av_version": package_version("av"),
        "package_version": __version__,
        "stage_version": STAGES["decode"],
    }


def _write_quarantine(path: Path, bad: list[tuple[str, UnreadableError]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, dialect="excel-tab", lineterminator="\n")
    writer.writerow(QUARANTINE_COLUMNS)
    for video_id, error in bad:
        writer.writerow(cells([video_id, error.stage, error.reason, " ".join(error.words.split())]))
    write_text(path, text.getvalue())


def _decode(file: h5py.File, video_id: str, path: Path, media: Media, look: Look, *, frames: bool, sound: bool) -> None:
    """Decode a video into a group of ``file``, of which nothing is left when it fails.

    `UnreadableError` when it fails twice in the same way though its file can be read: then the fault is in the data.
    `UserError` when the machine did not give the file, or the decoder could not do its work.
    """
    try:
        _attempt(file, video_id, path, media, look, frames=frames, sound=sound)
    except RefusedError:
        raise
    except UnreadableError as first:
        require_readable(path)
        log(f"{path}: tried again: {first}")
        try:
            _attempt(file, video_id, path, media, look, frames=frames, sound=sound)
        except UnreadableError as second:
            if (first.stage, first.reason) == (second.stage, second.reason):
                raise
            raise UserError(f"{path}: failed in two ways ({first}; then {second}); try again") from None


def _attempt(
    file: h5py.File, video_id: str, path: Path, media: Media, look: Look, *, frames: bool, sound: bool
) -> None:
    try:
        _decode_streams(file.create_group(video_id), path, media, look, frames=frames, sound=sound)
    except UnreadableError:
        del file[video_id]
        raise
    except StoppedError as error:
        raise UserError(f"{path}: {error}; nothing is kept, run it again") from None


def _decode_streams(group: h5py.Group, path: Path, media: Media, look: Look, *, frames: bool, sound: bool) -> None:
    probed, clock = look(path)
    group.attrs.update(_source(probed))
    if frames:
        if probed.picture is None:
            raise UnreadableError("probe", "no video stream")
        _say(path, probed.picture.choice)
        _decode_frames(group, path, probed.picture, media, clock)
    if sound:
        _say(path, probed.sound.choice if probed.sound else "")
        _decode_sound(group, path, probed.sound, media, clock)


def _say(path: Path, choice: str) -> None:
    if choice:
        log(f"{path}: {choice}")


def _source(probed: Probe) -> dict[str, Attribute]:
    values: dict[str, Attribute] = {"source_container": probed.container}
    if probed.duration is not None:
        values["source_duration"] = probed.duration
    if (picture := probed.picture) is not None:
        values |= {
            "source_stream": picture.index,
            "source_codec": picture.codec,
            "source_pixel_format": picture.pixel_format,
            "source_width": picture.width,
            "source_height": picture.height,
            "source_rotation": picture.rotation,
            "source_pixel_aspect": str(picture.pixel_aspect),
            "source_matrix": picture.reading.matrix,
            "source_range": "full" if picture.reading.full_range else "limited",
            "source_fps": "" if picture.rate is None else str(picture.rate),
        }
    if (sound := probed.sound) is not None:
        values |= {"sound_stream": sound.index, "sound_codec": sound.codec, "sound_channels": sound.channels}
    return values


def _decode_frames(group: h5py.Group, path: Path, picture: Picture, media: Media, clock: Clock) -> None:
    width, height = ffmpeg.frame_size(picture, media)
    require_size(picture.width, picture.height, "pictures", media)
    require_size(width, height, "frames", media)
    require_pictures(clock.extents.get(picture.index), media)
    group.attrs.update({"width": width, "height": height})
    read = [picture.reading]
    times, decoder = _stream_frames(group, path, picture, media, clock)
    if decoder.refused and not picture.rewritten:
        # A frame with a code of a matrix that FFmpeg has no name for: not the first ones', or they were damaged.
        _discard_frames(group)
        picture = replace(picture, rewritten=True)
        times, decoder = _stream_frames(group, path, picture, media, clock)
    if decoder.changed:
        times, read, decoder = _decode_changing(group, path, picture, media, clock)
    elif not times and media.fps != "source":
        # Shorter than half a frame at the wanted rate: rounded to nothing, and no clip may come out empty.
        times, decoder = _stream_frames(group, path, picture, media, clock, keep_last=True)
    if not times:
        ffmpeg.require_zimg()
        raise UnreadableError("frames", "no frame could be decoded", decoder.words)
    if decoder.failed:
        require_readable(path)
        log(f"warning: {path}: decoded with errors, {len(times)} frames kept ({decoder.words})")
    times = _rising(path, times)
    group.create_dataset("times", data=np.array(times, np.float64))
    group.attrs["fps"] = frame_rate(times, picture.rate) if media.fps == "source" else float(media.fps)
    if words := fallbacks(read):
        group.attrs["colour_fallback"] = words
        log(f"warning: {path}: {words}")


def _rising(path: Path, times: list[float]) -> list[float]:
    """Seconds at which frames are shown, none before the frame in front of it: of damaged times the later one counts.

    The filter `fps` sees to it itself; at the source's own rate the times are those of the file.
    """
    rising = np.maximum.accumulate(times)
    if back := int((rising > times).sum()):
        log(f"warning: {path}: the times of {back} frames step back: shown as soon as those before them")
    return list(rising.tolist())


def _stream_frames(
    group: h5py.Group, path: Path, picture: Picture, media: Media, clock: Clock, *, keep_last: bool = False
) -> tuple[list[float], ffmpeg.Decoder]:
    width, height = ffmpeg.frame_size(picture, media)
    count, seconds = 0, float(group.attrs.get("source_duration", 0))
    rate = float(picture.rate or 0) if media.fps == "source" else media.fps
    command = ffmpeg.frames_command(path, picture, media, picture.reading, clock, keep_last=keep_last)
    with ffmpeg.Decoder(command, "frames") as decoder:
        for block in decoder.blocks(width * height * 3, block_frames(width, height)):
            _append(group, "frames", block.reshape(-1, height, width, 3))
            count += len(block)
            require("frames", "frames", count, "max_frames", media)
            tell(FRAMES, count / rate if rate else 0, seconds)
    times = decoder.times
    if len(times) < count:
        raise UnreadableError("frames", f"{count} frames, but times of {len(times)} only", decoder.words)
    return times[:count], decoder


def _decode_changing(
    group: h5py.Group, path: Path, picture: Picture, media: Media, clock: Clock
) -> tuple[list[float], list[Reading], ffmpeg.Decoder]:
    """Decode a clip anew whose picture turned out to change in mid-stream."""
    _discard_frames(group)
    width, height = ffmpeg.frame_size(picture, media)
    found = survey(path, picture, media, clock)
    group.attrs["source_changes"] = found.parts()
    log(f"{path}: the picture changes in mid-stream ({found.parts()})")

    def make(count: int) -> h5py.Dataset:
        require("frames", "frames", count, "max_frames", media)
        block = min(block_frames(width, height), count)
        return group.create_dataset("frames", (count, height, width, 3), np.uint8, chunks=(block, height, width, 3))

    return decode_changing(make, path, picture, media, clock, found)


def _discard_frames(group: h5py.Group) -> None:
    if "frames" in group:
        del group["frames"]


def block_frames(width: int, height: int) -> int:
    """How many frames are held in memory at a time."""
    return max(1, BLOCK_BYTES // (width * height * 3))


def frame_rate(times: list[float], declared: Fraction | None) -> float:
    """Frames a second of a clip from its frames' ``times``: the declared rate where it agrees within 1 %.

    Files of variable rate, and some containers, declare a rate that their frames do not have. A single frame keeps the
    declared rate; where none is declared it counts as one second.
    """
    if len(times) < 2 or times[-1] <= times[0]:
        return float(declared or 1)
    measured = (len(times) - 1) / (times[-1] - times[0])
    return float(declared) if declared and abs(measured / declared - 1) < 0.01 else measured


def _decode_sound(group: h5py.Group, path: Path, sound: Sound | None, media: Media, clock: Clock) -> None:
    group.create_dataset("sound", (0,), np.float32, maxshape=(None,), chunks=(1 << 16,))
    group.attrs["rate"] = 0 if sound is None else sound.rate
    if sound is None:
        return
    require_sound(clock.extents.get(sound.index), sound.rate, media)
    odd, seconds = 0, float(group.attrs.get("source_duration", 0))
    with ffmpeg.Decoder(sound_command(path, sound, clock), "sound") as decoder:
        for samples in placed(decoder, sound.rate, media):
            finite = np.isfinite(samples)
            odd += len(samples) - int(finite.sum())
            _append(group, "sound", np.where(finite, samples, np.float32(0)))
            tell(SOUND, len(group["sound"]) / sound.rate, seconds)
    count = len(group["sound"])
    if decoder.failed:
        require_readable(path)
    if count == 0:
        log(f"warning: {path}: the sound track gives no sample, taken as silent ({decoder.words})")
    elif decoder.failed:
        log(f"warning: {path}: sound decoded with errors, {count / sound.rate:.2f} s kept ({decoder.words})")
    if odd:
        log(f"warning: {path}: {odd} samples of the sound are not finite numbers, set to 0")


def _append(group: h5py.Group, name: str, values: NDArray[np.generic]) -> None:
    """Append ``values`` along the first dimension of a dataset; the first block makes it, and is one of its chunks."""
    if name not in group:
        group.create_dataset(name, data=values, maxshape=(None, *values.shape[1:]), chunks=values.shape)
        return
    dataset = group[name]
    start = len(dataset)
    dataset.resize(start + len(values), axis=0)
    dataset[start:] = values
