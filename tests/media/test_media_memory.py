"""Memory must not grow with a clip: measured in a process of its own, and in ffmpeg's."""

import json
import subprocess
import sys

PROGRAM = """
import json, resource, sys
from pathlib import Path
from pipeline.config import Media
from pipeline.media.decode import decode_shard

folder, clip = Path(sys.argv[1]), Path(sys.argv[2])
decode_shard({"v": clip}, Media(fps=24, size=224), folder / "0.h5", folder / "0.tsv", frames=True, sound=True)
kib = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps([value / 1024 for value in kib]))
"""


def peaks(folder, clip) -> list[float]:
    """Highest memory of the process and of its largest child, MiB."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, folder, clip], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_long_clip_takes_no_more_memory(tmp_path, ffmpeg_run):
    def clip(seconds: int):
        picture = f"testsrc2=size=128x96:rate=24:duration={seconds}"
        tone = f"sine=sample_rate=16000:duration={seconds}"
        codecs = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le")
        return ffmpeg_run("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, *codecs, f"{seconds}.mkv")

    short, long = peaks(tmp_path, clip(4)), peaks(tmp_path, clip(60))
    # 56 s more are 193 MiB of frames.
    assert long[0] - short[0] < 32
    assert long[1] - short[1] < 16
