"""Networks of single pictures, trained on ImageNet: torchvision's by name, and EfficientNet-Lite2."""

import difflib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.config.architectures import FETCHED
from pipeline.errors import UserError
from pipeline.features import efficientnet_lite
from pipeline.features.checkpoints import RANDOM_SEED, Loaded, file_sha256, fill, read_metadata, read_state, rows_of
from pipeline.features.maps import GlobalPools
from pipeline.layout import imagenet_path
from pipeline.names import listed

WITHOUT_AUXILIARIES = {"inception_v3": ("AuxLogits.",), "googlenet": ("aux1.", "aux2.")}
"""Networks with classifiers that serve training alone, and where the names of their parameters begin."""
OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""What the published files of DenseNets call `norm1` and `conv1`: `norm.1` and `conv.1`."""
EXAMPLES = 16
"""Pictures that random networks with batch norms take their statistics from."""


class ImageNetwork(nn.Module):
    """A network with its classifier, whose input is the feature.

    size: pixels of the square pictures it was made for. mean, deviation: (3,) of values in [0, 1], by colour.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module, size: int, mean: list[float], deviation: list[float]) -> None:
        super().__init__()
        self.network, self.size = network, size
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).view(3, 1, 1))
        self._seen: list[Tensor] = []
        _classifier(network).register_forward_pre_hook(lambda _module, inputs: self._seen.append(inputs[0]))

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H, W, 3) uint8 -> what the classifier sees, mean over space (N, D), and logits of the classes (N, V)."""
        logits: Tensor = self.network(self._pictures(frames))
        seen = self._seen.pop()
        return (seen.mean(dim=(2, 3)) if seen.dim() == 4 else seen), logits

    def features(self, frames: Tensor) -> Tensor:
        """(N, H, W, 3) uint8 -> (N, D)."""
        values: Tensor = self(frames)[0]
        return values

    def places(self, frames: Tensor, layer: str | None) -> Tensor:
        """(N, H, W, 3) uint8 -> a map (N, H', W', D): that of the module ``layer``; None: the last one that is pooled.

        Raises `UserError` where there is none.
        """
        with _outputs_of(self.network, layer) as outputs, GlobalPools() as pools:
            self.network(self._pictures(frames))
        seen = self._seen.pop()
        last = seen if seen.dim() == 4 else pools.map
        found = last if layer is None else next(iter(outputs), None)
        if not isinstance(found, Tensor) or found.dim() != 4:
            raise UserError(f"layer: {layer or 'the last one'} gives no map of rows and columns; name another one")
        return found.permute(0, 2, 3, 1)

    def _pictures(self, frames: Tensor) -> Tensor:
        """(N, H, W, 3) uint8 -> (N, 3, H, W) normalised."""
        return (frames.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.deviation

    def prepare(self, device: torch.device) -> "ImageNetwork":
        """Make it ready for inference on ``device``: channels-last, no gradients."""
        self.eval().requires_grad_(False)
        return self.to(device).to(memory_format=torch.channels_last)


@contextmanager
def _outputs_of(network: nn.Module, layer: str | None) -> Iterator[list[Any]]:
    """What the module ``layer`` gives within, in order, as it is then: the next one may change it in place."""
    outputs: list[Any] = []
    if layer is None:
        yield outputs
        return
    names = [str(name) for name, _ in network.named_modules()]
    if layer not in names:
        near = difflib.get_close_matches(layer, names, 3) or [str(name) for name, _ in network.named_children()]
        raise UserError(f"layer: the network has no {layer}; it has {listed(near)}")

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        outputs.append(output.clone() if isinstance(output, Tensor) else output)

    handle = network.get_submodule(layer).register_forward_hook(keep)
    try:
        yield outputs
    finally:
        handle.remove()


def dims_of(network: ImageNetwork, size: int) -> int:
    """Values of a feature of pictures of ``size`` x ``size``. `UserError` where the network cannot take these."""
    return _tried(network, size, network.features)[0]


def map_of(network: ImageNetwork, size: int, layer: str | None) -> tuple[int, int, int]:
    """Rows, columns and channels of the map of such pictures (`ImageNetwork.places`), likewise."""
    rows, columns, channels = _tried(network, size, lambda frames: network.places(frames, layer))
    return rows, columns, channels


def _tried(network: ImageNetwork, size: int, compute: Callable[[Tensor], Tensor]) -> tuple[int, ...]:
    """The shape of what ``compute`` gives of one picture, less the first dimension."""
    place = network.mean.device
    try:
        with torch.inference_mode():
            return tuple(compute(torch.zeros(1, size, size, 3, dtype=torch.uint8, device=place)).shape[1:])
    except (RuntimeError, AssertionError, ValueError) as error:
        network._seen.clear()
        reason = " ".join(str(error).split())
        raise UserError(
            f"the network takes no pictures of {size} x {size} pixels ({reason}); set input_size to {network.size}"
        ) from None


def load_image(architecture: str, weights: Path | str, resources: Path) -> Loaded[ImageNetwork]:
    """The network ``architecture`` with weights: `imagenet` (fetched), `random`, or a file of torchvision's names.

    Classes are as many as the file has. Raises `UserError` when the file is missing or does not fit.
    """
    if weights == "random":
        return Loaded(random_image(architecture), f"random (seed {RANDOM_SEED}, untrained)", "")
    path = imagenet_path(resources) if weights == "imagenet" else Path(weights)
    if weights == "imagenet" and not path.is_file():
        raise UserError(f"{path}: the ImageNet weights are not there; run `avsd weights imagenet --out {path}`")
    state = _present_names(architecture, read_state(path))
    classes = rows_of(state, f"{_classifier_name(_plain(architecture, 1))}.bias", efficientnet_lite.CLASSES)
    network = _plain(architecture, classes)
    fill(network, state, path, architecture)
    made = ImageNetwork(network, *_preparation(architecture))
    if weights != "imagenet":
        return Loaded(made, path.name, file_sha256(path))
    said = {f"weights_{key}": value for key, value in read_metadata(path).items() if key in ("source", "licence")}
    return Loaded(made, f"{architecture} trained on ImageNet", file_sha256(path), said)


def random_image(architecture: str) -> ImageNetwork:
    """The network with seeded random weights.

    Batch norms take their statistics from example pictures: without them an untrained deep network gives nearly the
    same vector for every picture.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        made = ImageNetwork(_plain(architecture, efficientnet_lite.CLASSES, meta=False), *_preparation(architecture))
    made.eval()
    norms = [module for module in made.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    if norms:
        with torch.no_grad():
            made.features(example_pictures(made.size))
    return made.eval()


def example_pictures(size: int) -> Tensor:
    """Smooth random textures: (`EXAMPLES`, size, size, 3) uint8."""
    generator = torch.Generator().manual_seed(RANDOM_SEED)
    coarse = torch.rand(EXAMPLES, 3, 8, 8, generator=generator) * 255
    fine = nn.functional.interpolate(coarse, (size, size), mode="bilinear")
    return fine.permute(0, 2, 3, 1).to(torch.uint8)


def imagenet_classes() -> list[str]:
    """The 1000 classes, in the order of the published weights."""
    from torchvision.models import ResNet50_Weights

    return list(ResNet50_Weights.IMAGENET1K_V1.meta["categories"])


def _present_names(architecture: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Parameters of a published file that the network has, under today's names."""
    unused = WITHOUT_AUXILIARIES.get(architecture, ())
    kept = {name: value for name, value in state.items() if not any(map(name.startswith, unused))}
    return {OLD_DENSENET.sub(r"\1\2", name): value for name, value in kept.items()}


def _plain(architecture: str, classes: int, meta: bool = True) -> nn.Module:
    """The network itself; without memory where its parameters come from a file."""
    with torch.device("meta" if meta else "cpu"):
        if architecture == FETCHED:
            return efficientnet_lite.EfficientNetLite2(classes)
        from torchvision import models

        options: dict[str, Any] = {"num_classes": classes}
        if architecture in WITHOUT_AUXILIARIES:
            # Their published weights are of pictures scaled to [-1, 1], which `transform_input` makes of the others'.
            options |= {"aux_logits": False, "transform_input": True, "init_weights": False}
        network: nn.Module = models.get_model(architecture, weights=None, **options)
        return network


def _classifier_name(network: nn.Module) -> str:
    """The last layer: a linear one, or of networks without any the last convolution."""
    linear = [str(name) for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    return (linear or [str(name) for name, module in network.named_modules() if isinstance(module, nn.Conv2d)])[-1]


def _classifier(network: nn.Module) -> nn.Module:
    return network.get_submodule(_classifier_name(network))


def _preparation(architecture: str) -> tuple[int, list[float], list[float]]:
    """Size of the pictures, and mean and deviation of their colours, as published for the network's weights."""
    if architecture == FETCHED:
        return efficientnet_lite.SIZE, [efficientnet_lite.MEAN] * 3, [efficientnet_lite.DEVIATION] * 3
    from torchvision import models

    first = next(iter(models.get_model_weights(architecture)))
    published = first.transforms()
    size: int = published.crop_size[0]
    return size, list(published.mean), list(published.std)
