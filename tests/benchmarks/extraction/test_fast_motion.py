"""The benchmark of fast motion: its made pairs hold what they say, and pairs are counted in their class."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.extraction import fast_motion


def test_a_made_shift_and_a_quarter_turn() -> None:
    pair, truth, stays = fast_motion.made_pair(24, lambda z: z + 3)
    np.testing.assert_allclose(pair[1, :, 3:].int(), pair[0, :, :-3].int(), atol=1)
    np.testing.assert_allclose(truth, np.broadcast_to([3.0, 0.0], (24, 24, 2)), atol=1e-9)
    assert stays[:, :-3].all()
    assert not stays[:, -3:].any()
    pair, truth, stays = fast_motion.made_pair(24, lambda z: z * 1j)
    # x goes to y, y to -x: clockwise on a screen, where y points down.
    np.testing.assert_allclose(pair[1].int(), np.rot90(pair[0], -1).astype(int), atol=1)
    np.testing.assert_allclose(truth[0, 0], [2 * 11.5, 0], atol=1e-9)
    assert stays.all()


def test_pairs_are_counted_in_their_class() -> None:
    """Frames whose value is their number; the reference moves them by its difference, ours half a pixel further."""
    frames = torch.arange(9, dtype=torch.uint8).view(9, 1, 1, 1).expand(9, 4, 6, 3)

    def reference(pair: Tensor) -> Tensor:
        moved = float(pair[1, 0, 0, 0]) - float(pair[0, 0, 0, 0])
        return torch.tensor([0.0, moved]).expand(1, *pair.shape[1:3], 2)

    bench: Any = SimpleNamespace(videos={"a": None, "b": None}, frames=lambda name, count: frames[:count])
    rows = fast_motion.by_class(bench, "flow", lambda pair: reference(pair) + torch.tensor([0.3, 0.4]), reference)
    assert [row.what.split("motion ")[1] for row in rows] == ["1 to 3 px", "3 to 6 px", "6 to 10 px"]
    assert [row.note.split(" pairs")[0] for row in rows] == ["4", "2", "2"]
    for row, length in zip(rows, (1.5, 4, 8), strict=True):
        assert abs(row.ours - 0.5) < 1e-6
        # Transposed, (0, d) comes back as (d, 0).
        assert row.note.endswith(f"{length * 2**0.5:.3f}")
