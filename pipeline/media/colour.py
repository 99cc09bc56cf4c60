"""What a stream says of its colours (the codes of ITU-T H.273), and how its samples are read.

Primaries and transfer are not converted, only the matrix and the range: a frame's R'G'B' is what the stream codes, PQ
and HLG included.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import av

RGB = 0
BT601 = 6
UNSPECIFIED = 2

MATRICES = {
    0: "gbr",
    1: "bt709",
    2: "unknown",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    11: "smpte2085",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
    15: "ipt-c2",
    16: "ycgco-re",
    17: "ycgco-ro",
}
"""FFmpeg's names of the codes of MatrixCoefficients that it knows: its filters refuse frames with another one."""

PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
"""FFmpeg's names of the codes of ColourPrimaries that a matrix can be derived from."""

TRANSFERS = {16: "smpte2084", 18: "arib-std-b67"}
"""FFmpeg's names of the codes of TransferCharacteristics that ICtCp is defined for."""

RANGES = {0: "unknown", 1: "tv", 2: "pc"}
"""FFmpeg's names of its codes of ranges: unsaid, limited, full."""

BY_MATRIX_ALONE = {1, 4, 5, 6, 7, 8, 9}
YCGCO, BT2020, DERIVED, ICTCP = 8, 9, 12, 14
CONSTANT_LUMINANCE = {10: BT2020, 13: DERIVED}
"""Matrices whose luma is that of linear light, and the ones that differ from them by this alone."""

Family = Literal["yuv", "rgb", "grey"]


@dataclass(frozen=True)
class Tags:
    """Codes as stated: matrix, primaries and transfer of H.273 (2 where nothing is said), range of `RANGES`."""

    matrix: int = UNSPECIFIED
    range: int = 0
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED

    def completed(self, other: "Tags") -> "Tags":
        """What these tags say, and where they say nothing what ``other`` says (RGB is a frame's own to say)."""
        return Tags(
            other.matrix if self.matrix == UNSPECIFIED and other.matrix != RGB else self.matrix,
            self.range or other.range,
            other.primaries if self.primaries == UNSPECIFIED else self.primaries,
            other.transfer if self.transfer == UNSPECIFIED else self.transfer,
        )


@dataclass(frozen=True)
class Reading:
    """How samples become rgb.

    matrix: code of H.273, of no meaning for rgb and grey. full_range: else limited; of no meaning for rgb, which is
    full. primaries, transfer: codes where the matrix depends on them, else 2. odd: width or height is an odd number.
    fallback: says what is stated and what it is read as where that is another matrix, else empty.
    """

    family: Family
    matrix: int = BT601
    full_range: bool = True
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    odd: bool = False
    fallback: str = ""


def reading(pixel_format: str, tags: Tags, width: int, height: int) -> Reading:
    """How samples of ``pixel_format`` (FFmpeg's name) with these tags are read.

    Where nothing is said: BT.601, limited range; grey: full range. A matrix that there is no conversion for is read as
    the nearest one that there is one for, or as BT.601, and `Reading.fallback` says so.
    """
    family = family_of(pixel_format)
    if family == "rgb":
        return Reading(family)
    unsaid = "pc" if family == "grey" or pixel_format.startswith("yuvj") else "tv"
    full = (unsaid if tags.range not in {1, 2} else RANGES[tags.range]) == "pc"
    if family == "grey":
        return Reading(family, full_range=full)
    odd = width % 2 == 1 or height % 2 == 1
    return replace(_by_matrix(tags), full_range=full, odd=odd)


def family_of(pixel_format: str) -> Family:
    """Whether samples are colour differences, colours (palettes, mosaics and XYZ among them) or grey alone."""
    try:
        layout = av.VideoFormat(pixel_format)
    except ValueError:  # a layout newer than PyAV
        return "yuv"
    if layout.is_rgb or layout.has_palette or layout.is_bayer or pixel_format.startswith("xyz"):
        return "rgb"
    return "grey" if sum(not component.is_alpha for component in layout.components) == 1 else "yuv"


def _by_matrix(tags: Tags) -> Reading:
    if tags.matrix == UNSPECIFIED:
        return Reading("yuv")
    if tags.matrix in BY_MATRIX_ALONE:
        return Reading("yuv", tags.matrix)
    if tags.matrix == DERIVED and tags.primaries in PRIMARIES:
        return Reading("yuv", DERIVED, primaries=tags.primaries)
    if tags.matrix == ICTCP and tags.transfer in TRANSFERS:
        return Reading("yuv", ICTCP, primaries=BT2020, transfer=tags.transfer)
    nearest = CONSTANT_LUMINANCE.get(tags.matrix, BT601)
    read_as = _by_matrix(replace(tags, matrix=nearest))
    return replace(read_as, fallback=f"no conversion of matrix {_named(tags.matrix)}, read as {_named(read_as.matrix)}")


def _named(matrix: int) -> str:
    return f"{matrix} ({MATRICES.get(matrix, 'reserved')})"


def code(names: dict[int, str], name: str, unsaid: int) -> int:
    """The code that FFmpeg prints as ``name``; ``unsaid`` where ``names`` has none of that name."""
    return next((code for code, known in names.items() if known == name), unsaid)


def fallbacks(readings: Iterable[Reading]) -> str:
    """What the readings have to say of matrices that are read as others, each once."""
    return "; ".join(sorted({each.fallback for each in readings if each.fallback}))
