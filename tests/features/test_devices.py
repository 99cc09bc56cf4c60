"""Names of devices."""

import pytest
import torch

from pipeline.devices import can_compile, resolve_device
from pipeline.errors import UserError


def test_auto_takes_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == torch.device("cuda")


def test_auto_without_the_gpu_that_was_given_says_so_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "6")
    assert resolve_device("auto") == resolve_device("auto") == torch.device("cpu")
    said = capsys.readouterr().err
    assert said.count("warning: GPU 6 is there, and PyTorch finds none") == 1


def test_asked_for_and_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert resolve_device("cuda") == torch.device("cuda")
    assert resolve_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(UserError, match="'cuda:1' is asked for, this machine has 1 CUDA device"):
        resolve_device("cuda:1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match="this machine has 0 CUDA devices; give auto or cpu"):
        resolve_device("cuda")
    for name in ("graphics", "meta"):
        with pytest.raises(UserError, match=f"'{name}' is not"):
            resolve_device(name)


def test_without_a_compiler_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.compiler.reset()
    with torch._inductor.config.patch({"cpp.cxx": (None, "/nowhere/g++"), "force_disable_caches": True}):
        assert not can_compile(torch.device("cpu"))
    said = capsys.readouterr().err
    assert "torch.compile does not work here" in said
    assert "nowhere" in said
    torch.compiler.reset()
    assert can_compile(torch.device("cpu"))


def test_float32_is_not_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    resolve_device("cpu")
    assert not torch.backends.cudnn.allow_tf32
