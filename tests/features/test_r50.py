"""I3D-ResNet50: pytorchvideo's own network up to its head, Kinetics normalisation, files."""

from pathlib import Path

import pytest
import torch
from pytorchvideo.models.hub import i3d_r50

from pipeline.errors import UserError
from pipeline.features.r50 import DIMS, load_r50


def test_features_are_the_trunks_mean(tmp_path: Path) -> None:
    torch.manual_seed(3)
    whole = i3d_r50(pretrained=False).eval()
    path = tmp_path / "I3D_8x8_R50.pyth"
    torch.save({"model_state": whole.state_dict()}, path)
    loaded = load_r50(path)
    assert loaded.label == path.name
    windows = torch.randint(0, 256, (2, 8, 64, 64, 3), dtype=torch.uint8)
    x = (windows.permute(0, 4, 1, 2, 3) / 255.0 - 0.45) / 0.225
    with torch.inference_mode():
        for block in whole.blocks[:-1]:
            x = block(x)
        found = loaded.network.prepare(torch.device("cpu")).features(windows)
    assert found.shape == (2, DIMS)
    assert found.std() > 0
    torch.testing.assert_close(found, x.flatten(2).mean(2), rtol=1e-3, atol=1e-4)


def test_weights_must_be_given_or_random(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"I3D_8x8_R50\.pyth"):
        load_r50("kinetics")
    first, second = load_r50("random"), load_r50("random")
    assert "random" in first.label
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name])
    torch.save({"blocks.0.conv.weight": torch.zeros(1)}, tmp_path / "other.pyth")
    with pytest.raises(UserError, match=r"other\.pyth: not the weights of i3d_r50"):
        load_r50(tmp_path / "other.pyth")
