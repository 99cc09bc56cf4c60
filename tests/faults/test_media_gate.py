"""Files that name other files and addresses, names that look like addresses: one file is opened, the one that is given.

Decoding is watched with strace, which sees every file that is opened and every address that is called.
"""

import os
import shutil
import socket
import stat
import struct
import subprocess
import sys

import imageio_ffmpeg
import pytest

from pipeline.config import Media
from pipeline.errors import UserError
from pipeline.media import decode as decoding
from pipeline.media.decode import decode_shard, decode_video
from pipeline.media.ffmpeg import Decoder
from tests.faults.conftest import ROOT
from tests.faults.media import PICTURE, TONE, X264, Decoded, arguments, make

PLAYLIST = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{0}\n#EXT-X-ENDLIST\n"
MANIFEST = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" '
    'mediaPresentationDuration="PT1S"><Period duration="PT1S"><AdaptationSet contentType="video">'
    '<Representation id="0" bandwidth="1000"><BaseURL>{0}</BaseURL><SegmentList duration="1">'
    '<SegmentURL media="{0}"/></SegmentList></Representation></AdaptationSet></Period></MPD>'
)
SESSION = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {1} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
)
BAITS = {
    "concat": "ffconcat version 1.0\nfile '{0}'\n",
    "concat_http": "ffconcat version 1.0\nfile 'http://127.0.0.1:{1}/x.ts'\n",
    "hls": PLAYLIST,
    "hls_http": PLAYLIST.replace("{0}", "http://127.0.0.1:{1}/x.ts"),
    "hls_master": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\n{0}\n",
    "hls_key": PLAYLIST.replace("#EXTINF", '#EXT-X-KEY:METHOD=AES-128,URI="{0}"\n#EXTINF'),
    "dash": MANIFEST,
    "dash_http": MANIFEST.replace("{0}", "http://127.0.0.1:{1}/x.mp4"),
    "sdp": SESSION,
    "vobsub": "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n"
    "timestamp: 00:00:00:000, filepos: 000000000\n",
    "ffmetadata": ";FFMETADATA1\ntitle=x\n",
    "mpsub": "FORMAT=TIME\n# {0}\n1 1\nx\n",
    "sami": "<SAMI><BODY><SYNC Start=0><P>{0}</P></SYNC></BODY></SAMI>",
    "smil": '<smil><body><video src="{0}"/></body></smil>',
    "ram": "file://{0}\nhttp://127.0.0.1:{1}/x.rm\n",
    "asx": '<asx version="3.0"><entry><ref href="http://127.0.0.1:{1}/x.wmv"/></entry></asx>',
    "pls": "[playlist]\nFile1={0}\nNumberOfEntries=1\n",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"><image href="{0}"/></svg>',
    "imf": '<CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"><Id>urn:uuid:'
    "2b5b2f7e-4b0a-4a3c-9e0f-3f1d5b2f7e4b</Id><EditRate>24 1</EditRate></CompositionPlaylist>",
}
"""Contents of files called .mp4 that name another: {0} is its path, {1} the port of an address."""
COMMON = ("concat", "hls", "hls_http", "dash", "sdp", "vobsub", "external", "joined")

NEW_LINE, TAB = "new\nline.mp4", "tab\tstop.mp4"
"""No names of videos: what lists them has a line for each."""
NAMES = (
    *("http:x.mp4", "tcp:127.0.0.1:{1}.mp4", "concat:good.mp4|good.mp4", "subfile,,start,0,end,0,,:good.mp4"),
    *("a:b.mp4", "data:x.mp4", "pipe:0.mp4", "file:x.mp4", "cache:x.mp4", "crypto:x.mp4", "async:x.mp4", "fd:.mp4"),
    *("%03d.mp4", "a%dx%s%n.mp4", "-i.mp4", "-.mp4", 'it\'s "q" `x` $(y).mp4', NEW_LINE, TAB),
    *("*?[a].mp4", "back\\slash.mp4", "grüße \N{SNOWMAN}.mp4", "~root.mp4", " blank .mp4", "{braces}.mp4", "a;b&c.mp4"),
)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return make(tmp_path_factory.mktemp("good") / "good.mp4", *PICTURE, *TONE, *X264)


@pytest.fixture(scope="module")
def watched(tmp_path_factory, good):
    """A folder of `BAITS` and of good videos, decoded under strace: what came of it, and what it said."""
    if shutil.which("strace") is None:
        pytest.skip("no strace here: nobody could say which files were opened")
    folder = tmp_path_factory.mktemp("watched")
    (folder / "videos").mkdir()
    (folder / "secrets").mkdir()
    for bait in (*BAITS, "external", "joined"):
        shutil.copy(good, folder / "secrets" / f"{bait}.mp4")
    for bait, text in BAITS.items():
        secret = folder / "secrets" / f"{bait}.mp4"
        (folder / "videos" / f"{bait}.mp4").write_text(text.replace("{0}", str(secret)).replace("{1}", "9"))
    shutil.copy(good, folder / "videos" / "vobsub.sub")
    secret = folder / "secrets" / "external.mp4"
    (folder / "videos" / "external.mov").write_bytes(_with_external_track(good.read_bytes(), str(secret)))
    _joined_broadcast(folder / "videos" / "joined.ts", folder / "parts")
    shutil.copy(good, folder / "videos" / "good.mp4")
    log = folder / "strace.log"
    watch = ("strace", "-f", "-qq", "-s", "512", "-e", "trace=open,openat,openat2,connect,sendto", "-o", log)
    command = (*watch, sys.executable, "-m", "pipeline", *arguments("videos"))
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return Decoded.read(folder), log.read_text(errors="replace")


def _with_external_track(movie, path):
    """A movie whose first track has its samples in the file ``path``, by an alias record as QuickTime writes it."""
    name = path.encode() + b"\0" * (len(path) % 2)
    alias = bytes(10) + b"\3vol".ljust(28, b"\0") + bytes(12) + b"\x0aexternal.mp".ljust(64, b"\0") + bytes(16)
    alias += struct.pack(">HH", 0, 0) + bytes(16)
    alias += struct.pack(">hH", 2, len(name)) + name + struct.pack(">hH", -1, 0)
    entry = struct.pack(">I4sI", len(alias) + 12, b"alis", 0) + alias
    new = struct.pack(">I4sII", len(entry) + 16, b"dref", 0, 1) + entry
    at = movie.index(b"dref") - 4
    old = struct.unpack(">I", movie[at : at + 4])[0]
    changed = bytearray(movie[:at] + new + movie[at + old :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        begin = changed.index(box) - 4
        size = struct.unpack(">I", changed[begin : begin + 4])[0]
        changed[begin : begin + 4] = struct.pack(">I", size + len(new) - old)
    return bytes(changed)


def _joined_broadcast(path, parts):
    """Two recordings one after the other, whose times jump: ffmpeg is given it as an entry of a list."""
    pieces = [make(parts / f"{at}.ts", *PICTURE, *TONE, *X264, "-output_ts_offset", at) for at in (100, 5000)]
    path.write_bytes(b"".join(piece.read_bytes() for piece in pieces))


@pytest.mark.fault("Media", "a file that names another file or an address", "quarantine; nothing else is opened")
@pytest.mark.parametrize(
    "bait", [*COMMON, *(pytest.param(each, marks=pytest.mark.more) for each in BAITS if each not in COMMON)]
)
def test_a_file_that_names_another(watched, bait):
    decoded, log = watched
    assert f"videos/{bait}." in log  # it was looked at
    assert f"secrets/{bait}.mp4" not in log
    assert "vobsub.sub" not in log
    assert "AF_INET" not in log
    assert len(decoded.frames["good"]) == 24
    if bait == "joined":
        assert len(decoded.frames[bait]) in range(46, 52)
    else:
        assert bait not in decoded.frames
        assert decoded.bad[bait].startswith(
            ("probe: of a format that is not read", "probe: not a readable", "frames: no")
        )


@pytest.mark.fault(
    "Media", "a playlist under its own name", "one line: a format that is not read; nothing else is opened"
)
@pytest.mark.parametrize(
    ("suffix", "bait"), [("m3u8", "hls"), ("ffconcat", "concat"), ("mpd", "dash"), ("sdp", "sdp"), ("idx", "vobsub")]
)
def test_playlists_under_their_own_names(tmp_path, good, suffix, bait):
    os.link(good, tmp_path / "secret.mp4")
    shutil.copy(good, tmp_path / "x.sub")
    (tmp_path / f"x.{suffix}").write_text(BAITS[bait].replace("{0}", "secret.mp4").replace("{1}", "9"))
    with pytest.raises(
        UserError, match=r"cannot be used: probe: (of a format that is not read|not a readable media file)"
    ):
        decode_video("v", tmp_path / f"x.{suffix}", Media(), tmp_path / "o.h5", frames=True, sound=False)


def test_the_external_track_would_be_opened_by_a_player_that_allows_it(tmp_path, good):
    """Else the case above could not fail."""
    (tmp_path / "secret.mp4").write_bytes(good.read_bytes())
    clip = tmp_path / "external.mov"
    clip.write_bytes(_with_external_track(good.read_bytes(), str(tmp_path / "secret.mp4")))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-enable_drefs", "1", "-use_absolute_path", "1"]
    command += ["-i", str(clip), "-map", "0:v", "-f", "rawvideo", "-"]
    assert subprocess.run(command, capture_output=True, check=True).stdout
    (tmp_path / "secret.mp4").unlink()
    assert not subprocess.run(command, capture_output=True, check=False).stdout


@pytest.mark.fault(
    "Media",
    "a name that looks like an address or a pattern",
    "decoded as the file it is; one with a tab or a line break is named and left out",
)
@pytest.mark.parametrize("feature", ["rgb", pytest.param("heard", marks=pytest.mark.more)])
@pytest.mark.parametrize("chosen", [NAMES[::3], pytest.param(NAMES, marks=pytest.mark.more)], ids=["few", "all"])
@pytest.mark.parametrize("folder", [".", pytest.param("http:/127.0.0.1:{1}", marks=pytest.mark.more)])
def test_names(avsd, tmp_path, good, folder, chosen, feature):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        videos = tmp_path / folder.replace("{1}", port)
        videos.mkdir(parents=True, exist_ok=True)
        names = [name.replace("{1}", port) for name in chosen]
        for name in names:
            os.link(good, videos / name)
        given = folder.replace("{1}", port)
        done = avsd(*arguments(given, feature, fps="source"), seconds=300)
        done.went_well(memory=500 << 20)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    decoded = Decoded.read(tmp_path)
    assert decoded.bad == {}
    left_out = {NEW_LINE, TAB} & set(names)
    assert sorted(decoded.frames) == sorted(name.removesuffix(".mp4") for name in names if name not in left_out)
    assert {len(values) for values in decoded.frames.values()} == {10 if feature == "rgb" else 16000}
    assert f"{len(left_out)} of its entries not taken as videos" in done.err


@pytest.mark.fault("Media", "a name that looks like a sequence of pictures", "the one file of that name")
def test_a_pattern_is_no_sequence(tmp_path):
    red, blue = ("-f", "lavfi", "-i", "color=red:size=32x32:rate=5"), ("-f", "lavfi", "-i", "color=blue:size=32x32")
    make(tmp_path / "a%03d.gif", *red, "-frames:v", "2")
    make(tmp_path / "a001.gif", *blue, "-frames:v", "5")
    decode_video("v", tmp_path / "a%03d.gif", Media(size=16, fps="source"), tmp_path / "o.h5", frames=True, sound=False)
    (tmp_path / "bad.tsv").write_text("\n")
    (tmp_path / "o.h5").rename(tmp_path / "out.h5")
    frames = Decoded.read(tmp_path).frames["v"]
    assert len(frames) == 2
    assert (frames[..., 0] > 200).all()
    assert (frames[..., 2] < 50).all()


NO_FILES = {
    "a named pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": os.mkdir,
    "a socket": lambda path: os.mknod(path, 0o600 | stat.S_IFSOCK),
    "Too many levels of symbolic links": lambda path: path.symlink_to(path),
}


@pytest.mark.fault("Media", "no file but a pipe, a device, a folder, a socket, a loop", "quarantine, at once")
@pytest.mark.parametrize("kind", NO_FILES)
def test_no_file(tmp_path, good, kind):
    NO_FILES[kind](tmp_path / "x.mp4")
    videos = {"x": tmp_path / "x.mp4", "good": good}
    decode_shard(videos, Media(size=16), tmp_path / "out.h5", tmp_path / "bad.tsv", frames=True, sound=False)
    decoded = Decoded.read(tmp_path)
    assert list(decoded.frames) == ["good"]
    assert kind in decoded.bad["x"]


@pytest.mark.fault("Media", "asking about a pipe", "one line naming it, at once")
@pytest.mark.more
@pytest.mark.parametrize("command", ["ask", "describe"])
def test_asking_about_a_pipe(avsd, tmp_path, command):
    os.mkfifo(tmp_path / "x.mp4")
    question = ("what ?",) if command == "ask" else ()
    done = avsd(command, "x.mp4", *question, "--config", ROOT / "config.yaml", heavy=True)
    done.refused("x.mp4: a named pipe, where a file was expected", seconds=10, memory=1 << 30)


@pytest.mark.fault("Media", "a video that may not be read", "quarantine; the shard goes on")
def test_permission_denied(tmp_path_factory, good):
    if os.getuid() != 0:
        pytest.skip("only root may become somebody who may not read it")
    folder = tmp_path_factory.mktemp("denied")
    for place in (good.parent, *(each for each in folder.parents if each != each.parent and each.stat().st_uid == 0)):
        place.chmod(place.stat().st_mode | 0o055)
    folder.chmod(0o777)
    good.chmod(0o644)
    shutil.copy(good, folder / "x.mp4")
    (folder / "x.mp4").chmod(0)
    videos = {"x": folder / "x.mp4", "good": good}
    os.seteuid(65534)
    try:
        decode_shard(videos, Media(size=16), folder / "out.h5", folder / "bad.tsv", frames=True, sound=False)
    finally:
        os.seteuid(0)
    decoded = Decoded.read(folder)
    assert list(decoded.frames) == ["good"]
    assert "cannot be opened: Permission denied" in decoded.bad["x"]


@pytest.mark.fault("Media", "a file removed or replaced while it is read", "one line naming it, nothing half written")
@pytest.mark.parametrize("becomes", ["nothing", "a named pipe", "another video"])
def test_replaced_while_it_is_read(tmp_path, good, monkeypatch, becomes):
    path = tmp_path / "x.mp4"
    shutil.copy(good, path)
    look_into = decoding.look_into

    def look_and_replace(looked):
        found = look_into(looked)
        path.unlink(missing_ok=True)
        if becomes == "a named pipe":
            os.mkfifo(path)
        elif becomes == "another video":
            make(path, *PICTURE, *TONE, "-c:v", "mjpeg", "-f", "matroska")
        return found

    monkeypatch.setattr(decoding, "look_into", look_and_replace)
    monkeypatch.setattr(Decoder.__init__, "__defaults__", (3.0, None))  # what it waits for
    out = tmp_path / "out.h5"
    try:
        decode_video("v", path, Media(size=16), out, frames=True, sound=True)
    except UserError as error:
        assert str(path) in str(error)
        assert not out.exists()
    else:
        assert becomes == "another video"
