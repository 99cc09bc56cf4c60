"""The textual changes, on made-up modules with the same patterns."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import torch

from benchmarks.published.port import CHANGES, LSTMS, MODULES, Change, numbers, port, settings
from pipeline.errors import UserError

# Python 2: a tab reaches to the next multiple of eight columns, whole numbers divide to whole numbers.
SOURCES = {
    "avsd_train.py": "import six\nrows = list(six.moves.range(3))\n",
    "data_handler.py": (
        "import six\n"
        "def halves(count, longest, width=4):\n"
        "    found = []\n"
        "    for place in six.moves.range(count):\n"
        "\tif place > 0:\n"
        "\t    found.append(place / (longest / width + 1))\n"
        "    return found\n"
        "def first(table):\n"
        "    return table.values()[0]\n"
        "def rest(table):\n"
        "    return sorted(table.values())[1:]\n"
    ),
    "mmseq2seq_model.py": "import six\ndef moved(tensor):\n    return tensor.cuda() + tensor.cuda()\n",
    "multimodal_encoder.py": (
        "import six\n"
        "def shares(tensor, rows):\n"
        "    steps = tensor.data.shape[0] / rows\n"
        "    tensor = tensor.cuda().view(steps, rows)\n"
        "    total = tensor.sum(0)\n"
        "    return steps, tensor / total, list(six.moves.zip(range(2), range(2)))\n"
    ),
}
LAYER = (
    "import torch.nn as nn\n"
    "def layer(size, width, dropout=0.5):\n"
    "    return nn.LSTM(size+1,width,2,dropout,batch_first=True)\n"
    "def moved(tensor):\n"
    "    return tensor.cuda()\n"
)
SOURCES |= {
    "lstm_encoder.py": "import scipy.io as sio\n" + LAYER,
    "hlstm_encoder.py": "import six\nimport scipy.io as sio\n" + LAYER + "rows = list(six.moves.range(2))\n",
    "hlstm_decoder.py": "import six\n" + LAYER + "rows = list(six.moves.range(2))\n",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / "code").mkdir(parents=True)
    for name, text in SOURCES.items():
        (folder / "code" / name).write_text(text)
    return folder


def ported(checkout: Path) -> dict[str, ModuleType]:
    folder = checkout.parent / "ported"
    folder.mkdir()
    port(checkout, folder)
    modules = {}
    for path in folder.iterdir():
        found = importlib.util.spec_from_file_location(f"ported_{path.stem}", path)
        assert found is not None and found.loader is not None
        modules[path.name] = importlib.util.module_from_spec(found)
        found.loader.exec_module(modules[path.name])
    return modules


def test_the_changed_modules_do_what_python_2_did(checkout: Path) -> None:
    # All are imported: none of them asks for six or scipy any more, and tabs and spaces go together.
    modules = ported(checkout)
    assert sorted(modules) == sorted(MODULES)
    handler = modules["data_handler.py"]
    # 9 // 4 + 1 = 3: 1 // 3, 2 // 3 ... 6 // 3.
    assert handler.halves(7, 9) == [0, 0, 1, 1, 1, 2]
    assert all(isinstance(half, int) for half in handler.halves(7, 9))
    assert handler.first({"a": 5, "b": 6}) == 5
    assert handler.rest({"a": 6, "b": 5}) == [6]
    assert modules["avsd_train.py"].rows == [0, 1, 2]


def test_shares_stay_divisions_of_reals(checkout: Path) -> None:
    steps, shares, pairs = ported(checkout)["multimodal_encoder.py"].shares(torch.tensor([1.0, 2.0, 3.0, 2.0]), 2)
    assert steps == 2 and isinstance(steps, int)
    torch.testing.assert_close(shares, torch.tensor([[0.25, 0.5], [0.75, 0.5]]))
    assert pairs == [(0, 0), (1, 1)]


def test_layers_keep_their_biases_and_nothing_moves_to_a_gpu(checkout: Path) -> None:
    modules = ported(checkout)
    for name in LSTMS:
        layer = modules[name].layer(2, 5)
        assert layer.bias is True and layer.dropout == 0.0 and layer.num_layers == 2
        assert sum("bias" in name for name, _ in layer.named_parameters()) == 4
    for name in (*LSTMS, "mmseq2seq_model.py"):
        assert modules[name].moved(torch.ones(1)).device.type == "cpu"


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.why)
def test_another_version_of_the_code_is_refused(checkout: Path, change: Change) -> None:
    for name in change.files:
        path = checkout / "code" / name
        before = path.read_text()
        path.write_text(re.sub(change.pattern, "", before, flags=re.MULTILINE))
        with pytest.raises(UserError, match=r"at commit e60ad79: check that version out$") as caught:
            port(checkout, checkout)
        assert str(caught.value).startswith(f"{path}: nothing to change for {change.why!r}")
        assert "\n" not in str(caught.value)
        path.write_text(before)


def test_what_is_no_checkout_is_refused(checkout: Path) -> None:
    (checkout / "code" / "lstm_encoder.py").unlink()
    with pytest.raises(UserError, match=r"lstm_encoder.py: cannot be read \(FileNotFoundError\); give --published"):
        port(checkout, checkout)
    with pytest.raises(UserError, match=r"run_i3d.sh: cannot be read"):
        settings(checkout)


def test_settings_are_read_as_the_shell_would(tmp_path: Path) -> None:
    lines = ("one=64  # turns", "two=\"512\"'256'", 'three="512 256"   # two', "four=`pwd`", "five=a$one", "  six=3")
    (tmp_path / "run_i3d.sh").write_text("\n".join([*lines, "seven='a b'"]))
    found = settings(tmp_path)
    assert found == {"one": ("64",), "three": ("512", "256"), "seven": ("a", "b")}
    path = tmp_path / "run_i3d.sh"
    assert numbers(found, "three", 2, path) == (512, 256)
    with pytest.raises(UserError, match=r"run_i3d.sh: three is 512 256, expected 1 whole number"):
        numbers(found, "three", 1, path)
    with pytest.raises(UserError, match="seven is a b, expected 2"):
        numbers(found, "seven", 2, path)
    with pytest.raises(UserError, match="none is not set"):
        numbers(found, "none", 1, path)
