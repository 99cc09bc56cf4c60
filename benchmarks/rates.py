"""What the rows are called whose rates make up the whole of Charades, by those who measure them and by `charades`.

A module of its own without imports: who adds the rates up need not be able to measure them.
"""

Key = tuple[str, str]
"""Section and name of a row."""
DENSE = 4
"""Frames between windows where features are dense."""
DECODE_FRAMES: Key = ("decode", "frames, all clips")
DECODE_SOUND: Key = ("decode", "sound, all clips")
DENSE_WINDOWS: Key = ("stride", f"stride {DENSE}, from decoded shard to rows")
TVL1_PAIRS: Key = ("flow", "tvl1, all clips")
PATCHES: Key = ("vggish", "patches, from decoded sound")
PATCH_SECONDS = 0.96
"""Of a VGGish patch."""
