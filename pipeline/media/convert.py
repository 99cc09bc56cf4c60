"""Pictures to full-range rgb of a wanted size: ffmpeg's filters.

zimg resizes and converts in one step and rounds once, at the end. What a frame says of its colours is taken off it
first: `pipeline.media.colour` has read it, zimg is told, and no filter between need know the codes.
"""

from dataclasses import replace
from typing import Any

from pipeline.media.colour import UNSPECIFIED, YCGCO, Reading

CONVERSION = "zimg, rounded once; matrix and range as said, else BT.601 and limited (grey: full); to full-range rgb24"
"""How pictures become rgb: recorded with the frames."""

SWSCALE = "accurate_rnd+full_chroma_int+bitexact"
"""swscale without the shortcuts of its default, which darken frames by 1 to 2 of 255 levels."""

MARK = "filters=anew"
"""Written to descriptor 0 with the first frame, and with the first after a change, for which filters are made anew."""

UNSAID = {"colorspace": "unknown", "color_primaries": "unknown", "color_trc": "unknown"}
"""Options of setparams that take off a frame what it says of its colours."""

FILTERS: dict[str, dict[str, Any]] = {
    "bilinear": {"filter": "bilinear"},
    "bicubic": {"filter": "bicubic", "param_a": 0, "param_b": 0.5},  # Keys' a = -0.5, as PIL and torch
    "lanczos": {"filter": "lanczos", "param_a": 3},
}
"""zimg's filters by the scaler's name; all widen when they shrink a picture (antialiasing). It has none for `area`."""


def as_rgb(stream: Any, read: Reading, size: tuple[int, int], scaler: str) -> Any:
    """Filters that make rgb24 frames of ``size`` (width, height) of frames that are read as ``read`` says.

    A frame of another kind comes out as some picture of that size, but never ends the decoding.
    """
    width, height = size
    stream = _relaid(stream, read)
    resize = {"width": width, "height": height} | FILTERS.get(scaler, {})
    if scaler == "area":
        # Which zimg has not: swscale resizes what zimg gives and takes back, all but unrounded (16 bits).
        # Limited, but that of YCgCo is another one: 219 parts of 255 of chroma too (H.273), not 224.
        between = replace(read, full_range=read.full_range and read.matrix == YCGCO)
        stated = {"matrix": read.matrix, "range": _stated(between)["rangein"]}
        stream = stream.filter("zscale", **_stated(read), **stated, **_kept(read)).filter("format", "yuv444p16")
        stream = stream.filter("setparams", **UNSAID)
        stream = stream.filter("scale", width, height, flags=f"area+{SWSCALE}")
        read = between
    rgb = stream.filter("zscale", **resize, **_stated(read), matrix="gbr", **_kept(read)).filter("format", "gbrp")
    return rgb.filter("format", "rgb24")


def _relaid(stream: Any, read: Reading) -> Any:
    """Separate planes, without transparency, in a layout that zimg takes. In most files there is nothing to repack."""
    # swscale takes all grey for full range: told so, it leaves the levels alone.
    stream = stream.filter("setparams", **UNSAID, **({"range": "pc"} if read.family == "grey" else {}))
    stream = stream.filter("scale", flags=f"bilinear+{SWSCALE}").filter("format", "|".join(_layouts(read)))
    # Here, not before: among the few layouts that are left, ffmpeg is sooner done with choosing one.
    key, value = MARK.split("=")
    stream = stream.filter("metadata", mode="add", key=key, value=value, enable="eq(n,0)")
    stream = stream.filter("metadata", mode="print", key=key, file="/dev/fd/0")
    if read.family == "yuv" and not read.odd:
        stream = stream.filter("crop", "trunc(iw/2)*2", "trunc(ih/2)*2")  # does nothing, but to frames of another kind
    return stream


def _layouts(read: Reading) -> list[str]:
    if read.family == "grey":
        return [
            "gray",
            "gray10",
            "yuv444p12",
            "yuv444p16",
        ]  # zimg has grey of up to 10 bits; the luma of yuv is the same
    rgb = [f"gbrp{depth}" for depth in ("", "10", "12", "16")]
    if read.family == "rgb":
        return rgb
    # zimg takes no odd sizes where colour is subsampled.
    families = ["yuv444p"] if read.odd else ["yuv420p", "yuv422p", "yuv444p"]
    names = [f"{family}{depth}" for family in families for depth in ("", "10", "12", "16")]
    return names + rgb + [family.replace("yuv", "yuvj") for family in families]


def _stated(read: Reading) -> dict[str, Any]:
    """Options of zscale that say what its input is."""
    stated = {"matrixin": read.matrix, "rangein": "full" if read.full_range else "limited"}
    if read.primaries != UNSPECIFIED:
        stated["primariesin"] = read.primaries
    if read.transfer != UNSPECIFIED:
        stated["transferin"] = read.transfer
    return stated


def _kept(read: Reading) -> dict[str, Any]:
    """Options of zscale that leave primaries and transfer as they are, without approximation."""
    kept: dict[str, Any] = {}
    if read.primaries != UNSPECIFIED:
        kept["primaries"] = read.primaries
    if read.transfer != UNSPECIFIED:
        kept |= {"transfer": read.transfer, "agamma": 0}
    return kept
