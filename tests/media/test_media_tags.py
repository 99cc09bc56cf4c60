"""Codes of ITU-T H.273 in streams and files, against its formulae in float64."""

import subprocess

import av
import imageio_ffmpeg
import numpy as np
import pytest

YUV = (110, 90, 170)
LEVELS = "geq=lum={}:cb={}:cr={}".format(*YUV)
SOURCE = f"color=black:size=32x32:rate=5,format=yuv444p,{LEVELS}"
KR_KB = {  # H.273, table 4
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
CHROMATICITIES = {  # H.273, table 2: x and y of red, green, blue and white
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), (0.3127, 0.3290)),
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), (0.310, 0.316)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290)),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), (0.3127, 0.3290)),
}
FALLBACKS = {0: 6, 10: 9, 11: 6, 12: 6, 13: 6, 14: 6, 15: 6, 16: 6, 17: 6}
"""Matrices without a conversion, alone or without the primaries or transfer they depend on; what they are read as."""


def rgb(yuv, kr: float, kb: float, full: bool = False) -> np.ndarray:
    """R, G, B in levels of 255 (H.273, equations 20 to 26 and 38 to 40)."""
    y, cb, cr = (np.array(yuv) - (0, 128, 128)) / 255 if full else (np.array(yuv) - (16, 128, 128)) / (219, 224, 224)
    r, b = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    return 255 * np.array([r, (y - kr * r - kb * b) / (1 - kr - kb), b])


def ycgco(yuv, full: bool) -> np.ndarray:
    """H.273, equations 47 to 50: of the integers R, G, B in 0 to 255, or 16 to 235."""
    y, cg, co = np.array(yuv) - (0, 128, 128)
    coded = np.array([y - cg + co, y + cg, y - cg - co], float)
    return coded if full else (coded - 16) * 255 / 219


def luma_weights(primaries: int) -> tuple[float, float]:
    """KR and KB of primaries (H.273, equations 32 to 37, by solving for the white)."""
    xyz = np.array([(x / y, 1, (1 - x - y) / y) for x, y in CHROMATICITIES[primaries]]).T
    kr, _, kb = np.linalg.solve(xyz[:, :3], xyz[:, 3])
    return kr, kb


def ictcp(yuv, transfer: int) -> np.ndarray:
    """BT.2100, tables 4, 5, 7: I, Ct, Cp to R'G'B' by the transfer function of PQ (16) or HLG (18)."""
    signal = (np.array(yuv) - (16, 128, 128)) / (219, 224, 224)
    to_lms = np.array([(1688, 2146, 262), (683, 2951, 462), (99, 309, 3688)]) / 4096
    rows = {
        16: [(2048, 2048, 0), (6610, -13613, 7003), (17933, -17390, -543)],
        18: [(2048, 2048, 0), (3625, -7465, 3840), (9500, -9212, -288)],
    }
    lms = np.linalg.solve(np.array(rows[transfer]) / 4096, signal)
    if transfer == 16:
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
        power = lms ** (1 / m2)
        light = np.linalg.solve(to_lms, ((power - c1) / (c2 - c3 * power)) ** (1 / m1)) ** m1
        return 255 * ((c1 + c2 * light) / (1 + c3 * light)) ** m2
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    light = np.linalg.solve(to_lms, np.where(lms <= 0.5, lms**2 / 3, (np.exp((lms - c) / a) + b) / 12))
    return 255 * np.where(light <= 1 / 12, np.sqrt(3 * light), a * np.log(np.maximum(12 * light - b, 1e-9)) + c)


@pytest.fixture
def tagged(ffmpeg_run):
    """Clips of the same samples, by the codes in their H.264 stream: (matrix, primaries, transfer, full range)."""

    def make(codes: list[tuple[int, int, int, bool]]):
        untagged = f"{SOURCE},setparams=range=tv"
        plain = ffmpeg_run("-f", "lavfi", "-i", untagged, "-frames:v", "1", "-qp", "0", "plain.h264")
        folder = plain.parent
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(plain)]
        clips = {}
        for matrix, primaries, transfer, full in codes:
            name = f"{matrix}_{primaries}_{transfer}_{full:d}"
            fields = f"matrix_coefficients={matrix}:colour_primaries={primaries}:transfer_characteristics={transfer}"
            rewrite = f"h264_metadata={fields}:video_full_range_flag={full:d}"
            clips[name] = folder / f"{name}.mkv"
            command += ["-map", "0", "-c", "copy", "-bsf:v", rewrite, str(clips[name])]
        subprocess.run(command, check=True)
        return clips

    return make


def colour(shard, name: str) -> np.ndarray:
    frames = shard.frames(name)[:]
    assert np.ptp(frames, axis=(0, 1, 2)).max() == 0
    return frames[0, 0, 0]


def test_every_transfer_and_primaries(tagged, decode):
    transfers = [(1, 1, code, False) for code in [*range(19), 100, 255]]
    clips = tagged([*transfers, *((1, code, 4, True) for code in [0, 2, 3, 4, 7, 8, 10, 12, 22, 255])])
    with decode(clips, max_bad_fraction=0) as shard:
        assert len(shard.video_ids) == len(clips)
        for name in clips:
            full = name.endswith("_1")
            np.testing.assert_allclose(colour(shard, name), rgb(YUV, *KR_KB[1], full), atol=0.55, err_msg=name)
            assert "colour_fallback" not in shard.video_attributes(name)


@pytest.mark.parametrize(("full", "scaler"), [(False, "bilinear"), (True, "area")])
def test_every_matrix(tagged, decode, capsys, full, scaler):
    # In 4:4:4 an H.264 decoder takes code 0 for G, B, R; of 18 and above, and of 3, it says nothing.
    codes = [*range(1, 20), 100, 255]
    clips = tagged([(code, 2, 2, full) for code in codes])
    with decode(clips, max_bad_fraction=0, scaler=scaler) as shard:
        for code, name in zip(codes, clips, strict=True):
            weights = KR_KB[FALLBACKS.get(code, code if code in KR_KB else 6)]
            expected = ycgco(YUV, full) if code == 8 else rgb(YUV, *weights, full)
            np.testing.assert_allclose(colour(shard, name), expected.clip(0, 255), atol=0.55, err_msg=name)
            said = shard.video_attributes(name).get("colour_fallback")
            assert (said is not None) == (code in FALLBACKS)
    assert capsys.readouterr().err.count("warning: ") == sum(code in FALLBACKS for code in codes)


def test_a_matrix_read_as_another_is_named(tagged, decode, capsys):
    clips = tagged([(11, 2, 2, False)])
    with decode(clips) as shard:
        [name] = clips
        said = "no conversion of matrix 11 (smpte2085), read as 6 (smpte170m)"
        assert shard.video_attributes(name)["colour_fallback"] == said
        assert shard.video_attributes(name)["source_matrix"] == 6
    assert f"warning: {clips[name]}: {said}\n" in capsys.readouterr().err


def test_rgb_without_a_conversion_of_matrices_in_subsampled_chroma(ffmpeg_run, decode):
    lossless = ("-pix_fmt", "yuv420p", "-qp", "0", "-bsf:v", "h264_metadata=matrix_coefficients=0")
    clip = ffmpeg_run("-f", "lavfi", "-i", f"{SOURCE},setparams=range=tv", "-frames:v", "1", *lossless, "a.h264")
    with decode([clip], fps="source") as shard:
        np.testing.assert_allclose(colour(shard, "a"), rgb(YUV, *KR_KB[6]), atol=0.55)
        assert str(shard.video_attributes("a")["colour_fallback"]).startswith("no conversion of matrix 0 (gbr)")


def test_g_b_and_r_in_an_h264_stream(tagged, decode):
    with decode(clips := tagged([(0, 1, 1, True)])) as shard:
        np.testing.assert_array_equal(colour(shard, *clips), (170, 110, 90))


@pytest.mark.parametrize("scaler", ["bilinear", "area"])
def test_matrices_derived_from_primaries(tagged, decode, scaler):
    clips = tagged([(12, primaries, 1, False) for primaries in CHROMATICITIES])
    with decode(clips, scaler=scaler) as shard:
        for primaries, name in zip(CHROMATICITIES, clips, strict=True):
            np.testing.assert_allclose(colour(shard, name), rgb(YUV, *luma_weights(primaries)), atol=0.7, err_msg=name)
            assert "colour_fallback" not in shard.video_attributes(name)


@pytest.mark.parametrize(("transfer", "within"), [(16, 0.8), (18, 1.6)])
def test_ictcp(tagged, decode, transfer, within):
    with decode(clips := tagged([(14, 9, transfer, False)])) as shard:
        np.testing.assert_allclose(colour(shard, *clips), ictcp(YUV, transfer), atol=within)
        assert "colour_fallback" not in shard.video_attributes(*clips)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_high_dynamic_range_keeps_the_coded_values(ffmpeg_run, decode, transfer):
    levels = "geq=lum={}:cb={}:cr={}".format(*(4 * value for value in YUV))
    says = f"setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc={transfer}:range=tv"
    source = f"color=black:size=32x32:rate=5,format=yuv420p10le,{levels},{says}"
    clip = ffmpeg_run("-f", "lavfi", "-i", source, "-frames:v", "1", "-c:v", "ffv1", "a.mkv")
    with decode([clip]) as shard:
        np.testing.assert_allclose(colour(shard, "a"), rgb(YUV, *KR_KB[9]), atol=0.55)


GREY = {"gray": 1, "gray10le": 4, "gray12le": 16, "gray16le": 256}


@pytest.mark.parametrize("scaler", ["bilinear", "area"])
def test_grey_has_the_range_that_is_said(ffmpeg_run, decode, scaler):
    expected = {}
    clips = {}
    for layout, scale in GREY.items():
        for said, levels in (("tv", (0, 128, 255)), ("pc", (16, 126, 235)), ("unknown", (16, 126, 235))):
            thirds = f"geq=lum='{scale}*if(lt(X,32),16,if(lt(X,64),126,235))'"
            source = f"color=black:size=96x32:rate=5,format={layout},{thirds},setparams=range={said}"
            name = f"{layout}_{said}"
            kept = ("-c:v", "rawvideo", f"{name}.nut") if said == "unknown" else ("-c:v", "ffv1", f"{name}.mkv")
            clips[name] = ffmpeg_run("-f", "lavfi", "-i", source, "-frames:v", "1", *kept)
            with av.open(str(clips[name])) as container:
                frame = next(container.decode(video=0))
                assert (frame.format.name, frame.color_range) == (layout, {"tv": 1, "pc": 2, "unknown": 0}[said])
            # In full range 255 of 8 bits is the greatest number: 1023, 4095, 65535.
            greatest = 256 * scale - 1
            expected[name] = levels if said == "tv" else tuple(255 * scale * v / greatest for v in (16, 126, 235))
    with decode(clips, resize="source", scaler=scaler) as shard:
        for name, levels in expected.items():
            thirds = shard.frames(name)[0][:, [8, 48, 88]]
            np.testing.assert_allclose(thirds, np.broadcast_to(np.array(levels)[:, None], thirds.shape), atol=0.6)
            assert shard.video_attributes(name)["source_range"] == ("limited" if name.endswith("tv") else "full")


@pytest.mark.parametrize(("codec", "options"), [("libaom-av1", ("-cpu-used", "8", "-crf", "1")), ("libx265", ())])
def test_grey_codecs(ffmpeg_run, decode, codec, options):
    thirds = "geq=lum='if(lt(X,43),16,if(lt(X,86),126,235))'"
    source = f"color=black:size=128x128:rate=5,format=gray,{thirds},setparams=range=tv"
    quiet = ("-x265-params", "log-level=none:qp=1") if codec == "libx265" else options
    clip = ffmpeg_run(
        "-f",
        "lavfi",
        "-i",
        source,
        "-frames:v",
        "1",
        "-pix_fmt",
        "gray",
        "-color_range",
        "tv",
        "-c:v",
        codec,
        *quiet,
        "g.mkv",
    )
    with decode([clip], resize="source") as shard:
        thirds = shard.frames("g")[0][:, [20, 64, 108]]
        np.testing.assert_allclose(thirds.mean((0, 2)), (0, 128, 255), atol=1)


def test_what_the_file_says_counts_where_the_stream_says_nothing(ffmpeg_run, decode):
    quiet = ("-c:v", "libx265", "-x265-params", "log-level=none:qp=1")
    source = ("-f", "lavfi", "-i", f"{SOURCE},setparams=range=tv", "-frames:v", "2")
    plain = ffmpeg_run(*source, *quiet, "plain.mp4")
    says = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")
    clips = [ffmpeg_run("-i", str(plain), "-c", "copy", *says, f"{name}.{name}") for name in ("mkv", "mov")]
    with av.open(str(clips[0])) as container:
        assert next(container.decode(video=0)).colorspace == 2
    with decode([plain, *clips]) as shard:
        np.testing.assert_allclose(colour(shard, "plain"), rgb(YUV, *KR_KB[6]), atol=1.5)
        for name in ("mkv", "mov"):
            np.testing.assert_allclose(colour(shard, name), rgb(YUV, *KR_KB[1]), atol=1.5)


def test_codes_of_a_file_that_no_standard_has(ffmpeg_run, decode):
    says = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
    clip = ffmpeg_run("-f", "lavfi", "-i", f"{SOURCE},{says}", "-frames:v", "1", "-c:v", "ffv1", "a.mkv")
    content = bytearray(clip.read_bytes())
    for element in (b"\x55\xb1\x81", b"\x55\xba\x81", b"\x55\xbb\x81"):  # matrix, transfer, primaries
        content[content.index(element) + 3] = 200
    clip.write_bytes(content)
    with av.open(str(clip)) as container:
        assert next(container.decode(video=0)).colorspace == 200
    with decode([clip]) as shard:
        np.testing.assert_allclose(colour(shard, "a"), rgb(YUV, *KR_KB[6]), atol=0.55)
        assert str(shard.video_attributes("a")["colour_fallback"]).startswith("no conversion of matrix 200 (reserved)")


@pytest.mark.parametrize(
    ("codec", "rewrite", "suffix"),
    [
        (("mpeg2video", "-q:v", "1", "-r", "25"), "mpeg2_metadata", "m2v"),
        (("libaom-av1", "-cpu-used", "8", "-crf", "1"), "av1_metadata", "ivf"),
    ],
)
def test_codes_of_a_stream_that_no_standard_has(ffmpeg_run, decode, codec, rewrite, suffix):
    source = f"{SOURCE},setparams=colorspace=bt709:range=tv"
    plain = ffmpeg_run(
        "-f", "lavfi", "-i", source, "-frames:v", "1", "-pix_fmt", "yuv420p", "-c:v", *codec, f"a.{suffix}"
    )
    clips = {}
    for code in (3, 18, 255):
        fields = f"{rewrite}=matrix_coefficients={code}:transfer_characteristics={code}"
        clips[str(code)] = ffmpeg_run("-i", str(plain), "-c", "copy", "-bsf:v", fields, f"{code}.{suffix}")
        with av.open(str(clips[str(code)])) as container:
            assert next(container.decode(video=0)).colorspace == code
    with decode(clips, fps="source", max_bad_fraction=0) as shard:
        for code in clips:
            np.testing.assert_allclose(shard.frames(code)[0, 8, 8], rgb(YUV, *KR_KB[6]), atol=2)
            said = str(shard.video_attributes(code)["colour_fallback"])
            assert said == f"no conversion of matrix {code} (reserved), read as 6 (smpte170m)"


def test_a_code_that_no_standard_has_in_mid_stream(ffmpeg_run, decode):
    source = ("-f", "lavfi", "-i", f"{SOURCE},setparams=colorspace=bt709:range=tv", "-frames:v", "5", "-r", "25")
    options = ("-pix_fmt", "yuv420p", "-c:v", "mpeg2video", "-q:v", "1", "-muxdelay", "0", "-muxpreload", "0")
    said = ffmpeg_run(*source, *options, "said.ts")
    unsaid = ffmpeg_run(
        *source, *options, "-output_ts_offset", "0.2", "-bsf:v", "mpeg2_metadata=matrix_coefficients=99", "unsaid.ts"
    )
    clip = said.with_name("joined.ts")
    clip.write_bytes(said.read_bytes() + unsaid.read_bytes())
    with decode([clip], fps="source") as shard:
        assert shard.frames("joined").shape[0] == 10
        for frame in shard.frames("joined")[:]:
            np.testing.assert_allclose(frame[8, 8], rgb(YUV, *KR_KB[1]), atol=2)


def test_a_code_that_no_standard_has_in_prores(ffmpeg_run, decode):
    source = f"{SOURCE},setparams=colorspace=bt709:range=tv"
    clip = ffmpeg_run("-f", "lavfi", "-i", source, "-frames:v", "1", "-c:v", "prores_ks", "a.mov")
    content = bytearray(clip.read_bytes())
    content[content.index(b"icpf") + 20] = 99  # after the frame's size of 4 bytes and identifier: the header's byte 16
    clip.write_bytes(content)
    with av.open(str(clip)) as container:
        assert next(container.decode(video=0)).colorspace == 99
    with decode([clip]) as shard:
        np.testing.assert_allclose(shard.frames("a")[0, 8, 8], rgb(YUV, *KR_KB[6]), atol=2)


def test_a_palette_and_transparency(ffmpeg_run, decode):
    colours = "color=0xC82850:size=64x32:rate=5,format=rgb24,drawbox=32:0:32:32:0x1EA03C:fill"
    gif = ffmpeg_run("-f", "lavfi", "-i", colours, "-frames:v", "2", "a.gif")
    half = "format=rgba,colorchannelmixer=aa=0.5"
    clear = ffmpeg_run("-f", "lavfi", "-i", f"{colours},{half}", "-frames:v", "2", "-c:v", "png", "b.mkv")
    with decode([gif, clear], fps="source") as shard:
        for name, within in (("a", 8), ("b", 0.5)):  # the palette of a GIF made without looking has few colours
            frame = shard.frames(name)[0]
            np.testing.assert_allclose(frame[:, :6], np.broadcast_to((200, 40, 80), (16, 6, 3)), atol=within)
            np.testing.assert_allclose(frame[:, 10:], np.broadcast_to((30, 160, 60), (16, 6, 3)), atol=within)
