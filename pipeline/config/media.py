"""Decoding: the section `media`."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.section import Section


class FrameMedia(Section):
    """What decoded frames depend on; sound is decoded as it is."""

    fps: Annotated[float, Field(ge=0.001, le=1000)] | Literal["source"] = Field(
        24.0, description="frames a second; `source` keeps the video's own rate"
    )
    resize: Literal["direct", "short_side", "source"] = Field(
        "direct",
        description="direct: to size x size (the paper); short_side: short side to size, shape kept; source: not",
    )
    size: int = Field(224, ge=16, le=16384, description="pixels, for direct and short_side")
    scaler: Literal["bilinear", "bicubic", "area", "lanczos"] = Field("bilinear", description="zimg's; area: swscale's")


class Limits(Section):
    """What is put up with. What is decoded within them does not depend on them."""

    max_bad_fraction: float = Field(
        0.05, ge=0, le=1, description="share of a shard's videos that may be bad; above 0, one is always allowed"
    )
    max_pixels: int = Field(
        36_000_000,
        ge=1024,
        le=268_000_000,
        description="width x height of a video's pictures, and of decoded frames; the default lets 8K pass",
    )
    max_seconds: float = Field(14_400.0, gt=0, le=604_800, description="length of a video's pictures, or of its sound")
    max_frames: int = Field(500_000, ge=1, le=100_000_000, description="frames of a video, at the rate that is decoded")
    max_gap: float = Field(
        600.0, gt=0, le=604_800, description="seconds for which one picture may stand, or the sound be missing"
    )


class Media(FrameMedia, Limits):
    """Decoding: frames, and what is put up with."""
