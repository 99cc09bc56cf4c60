"""Systems of the configuration made real: what they see, their networks, their folders.

A model folder holds `model.safetensors` (weights), `system.json` (all that is needed to build the network again, and
where it comes from), `vocabulary.json` (its words) and `README.md` (the model card).
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal

import torch
from pydantic import ValidationError
from torch import Tensor

from pipeline.config import Config, network_sizes
from pipeline.config.dependence import training_values
from pipeline.config.systems import CONCEPTS, Manual, System, plain
from pipeline.dataset.views import Shown, View
from pipeline.errors import UserError
from pipeline.files import atomic_path, write_json, write_text
from pipeline.inert import shown
from pipeline.layout import Layout
from pipeline.leftovers import remove_leftovers, temporary_name
from pipeline.networks.base import Generator, Network
from pipeline.networks.registry import build_network
from pipeline.progress import log
from pipeline.systems.card import card
from pipeline.systems.info import HASH, check_hash, content_hash, read_info
from pipeline.systems.provenance import git_commit, versions
from pipeline.tasks.registry import task_of
from pipeline.tensorfiles import read_metadata, read_safetensors, serialised, tensor_shapes
from pipeline.vocabulary.words import Vocabulary

DESCRIBED = "the weights system.json describes"
WEIGHTS, INFO, WORDS, CARD = "model.safetensors", "system.json", "vocabulary.json", "README.md"
ASIDE = ".old"
"""How the name ends that a model has while another takes its place."""


@dataclass(frozen=True)
class LoadedSystem:
    """A trained network in evaluation mode, and what its `system.json` says.

    others: of an ensemble, what those of its members behind the first say.
    """

    network: Network
    info: dict[str, Any]
    others: tuple[dict[str, Any], ...] = ()

    @property
    def generator(self) -> Generator:
        """The network, of a system that says something."""
        assert isinstance(self.network, Generator)
        return self.network


def view_of(config: Config, name: str, when: Literal["train", "test"], splits: Sequence[str]) -> View:
    """What a system sees of ``splits`` in training, or of a test set at test.

    A system that answers with another's model (`model`) sees what that one does, less its own `without`, behind its own
    test description.
    """
    own, (_, trained) = config.systems[name], config.trained(name)
    if when == "train":
        description, concepts = told(config, trained, "train", splits), shown_of(config, trained, splits)
        return View(trained.features, description, trained.looks_back(), trained.asked, concepts)
    features = tuple(feature for feature in trained.features if feature not in own.without)
    description = told(config, own, "test", splits)
    concepts = None if CONCEPTS in own.without else shown_of(config, trained, splits)
    return View(features, description, trained.looks_back() and "history" not in own.without, trained.asked, concepts)


def told(
    config: Config, entry: System, when: Literal["train", "test"], splits: Sequence[str]
) -> Manual | tuple[Path, ...]:
    """The description that an entry is told, or the files it stands in: the user's, or those of other systems."""
    description = entry.told(when)
    if isinstance(description, str):
        return description
    if isinstance(description, Path):
        return (description,)
    layout = Layout(config.results)
    return tuple(layout.answers(*reading) for split in splits for reading in description.readings(split))


def shown_of(config: Config, entry: System, splits: Sequence[str]) -> Shown | None:
    """The concept words that the network of an entry sees: files of other systems; None where it sees none."""
    concepts = entry.shown()
    if concepts is None:
        return None
    layout = Layout(config.results)
    paths = tuple(layout.answers(*reading) for split in splits for reading in concepts.readings(split))
    return Shown(paths, concepts.k, concepts.place)


def build(config: Config, name: str, vocabulary_size: int, feature_dims: Mapping[str, int]) -> Network:
    """The network of a system, or of the system whose model it answers with, with fresh weights.

    feature_dims: dimensions of at least every feature it sees.
    """
    trained_name, trained = config.trained(name)
    assert trained.network is not None
    dims = {feature: feature_dims[feature] for feature in trained.features}
    return build_network(
        trained.network,
        config.sizes(trained_name),
        vocabulary_size,
        dims,
        trained.looks_back(),
        trained.asked,
        attends_concepts(trained),
    )


def attends_concepts(entry: System) -> bool:
    """Whether concept words are a modality of the entry's network."""
    words = entry.shown()
    return words is not None and words.place == "modality"


def parameters(network: torch.nn.Module) -> int:
    """Trainable numbers of a network."""
    return sum(parameter.numel() for parameter in network.parameters())


def parts(network: Network) -> dict[str, int]:
    """Trainable numbers of each part of a network, and `total`."""
    counts = {part: count for part, module in network.named_children() if (count := parameters(module))}
    own = parameters(network) - sum(counts.values())
    return {**counts, **({"other": own} if own else {}), "total": parameters(network)}


def save(
    folder: Path,
    network: Network,
    *,
    config: Config,
    name: str,
    vocabulary: Vocabulary,
    feature_dims: dict[str, int],
    metrics: dict[str, Any],
    made_with: Mapping[str, Any] | None = None,
    texts: Mapping[str, str] | None = None,
) -> None:
    """Write a trained system's folder; it appears complete or not at all, and takes the place of an older one.

    metrics: figures for the card. made_with: what the weights depend on, see `finished`. texts: further files by name
    (learning curves). The weights' file is a function of the weights and these arguments.
    """
    weights = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    info = {
        **_info(network, config, name, vocabulary, feature_dims, metrics),
        "weights": _tensors_hash(weights),
        "made_with": dict(made_with or {}),
    }
    info[HASH] = content_hash(info)
    folder.parent.mkdir(parents=True, exist_ok=True)
    recover(folder)
    temporary = folder.parent / temporary_name(folder.name)
    temporary.mkdir()
    try:
        with atomic_path(temporary / WEIGHTS) as path:
            # One entry: several would stand in the file in an order of chance.
            about = json.dumps({"system": name, "vocabulary": vocabulary.hash, "weights": info["weights"]})
            path.write_bytes(serialised(weights, {"avsd": about}))
        vocabulary.write(temporary / WORDS)
        write_json(temporary / INFO, info)
        write_text(temporary / CARD, card(info))
        for file, text in (texts or {}).items():
            write_text(temporary / file, text)
        _put(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _info(
    network: Network,
    config: Config,
    name: str,
    vocabulary: Vocabulary,
    feature_dims: Mapping[str, int],
    metrics: dict[str, Any],
) -> dict[str, Any]:
    system = config.systems[name]
    return {
        "system": name,
        "label": system.label,
        "task": system.task,
        "does": task_of(config, name).does,
        "network": system.network,
        "sizes": config.sizes(name).model_dump(),
        "feature_dims": {feature: feature_dims[feature] for feature in system.features},
        "history": system.looks_back(),
        "question": system.asked,
        "concepts": attends_concepts(system),
        "shown": plain(system.shown()),
        "description": {"train": plain(system.told("train")), "test": plain(system.told("test"))},
        "loss": system.loss,
        "teacher": system.teacher,
        "init_from": None if system.init_from is None else str(system.init_from),
        "freeze": list(system.freeze),
        "training": training_values(config, name),
        "vocabulary": {"size": len(vocabulary), "hash": vocabulary.hash},
        "parameters": parts(network),
        "metrics": metrics,
        "versions": versions(),
        "commit": git_commit(),
    }


def finished(folder: Path, made_with: Mapping[str, Any]) -> bool:
    """Whether ``folder`` holds a whole model that was made with just this.

    The weights are read and compared with the hash they were written with.
    """
    if not all((folder / file).is_file() for file in (WEIGHTS, INFO, WORDS, CARD)):
        return False
    try:
        info = read_info(folder / INFO)
        check_hash(folder / INFO, info)
        return info.get("made_with") == dict(made_with) and weights_hash(folder) == info["weights"]
    except UserError:
        return False


def weights_hash(folder: Path) -> str:
    """SHA-256 of a model's tensors: names, types, shapes and values, whatever else its file says."""
    return _tensors_hash(read_weights(folder))


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of a model. Raises `UserError` when they are missing or damaged.

    A file that was saved elsewhere, and does not say what is in it, is taken as it is.
    """
    _require(folder, WEIGHTS)
    path = folder / WEIGHTS
    weights = read_safetensors(path, DESCRIBED)
    written = _written_hash(path)
    if written is not None and written != _tensors_hash(weights):
        raise UserError(f"{path}: not {DESCRIBED} (the hash of its tensors differs: damaged); train it again")
    return weights


def _written_hash(path: Path) -> str | None:
    """What a weights' file says its tensors are; None of one that another program saved, or an older version."""
    try:
        about = json.loads(read_metadata(path, DESCRIBED).get("avsd", "{}"))
        return str(about["weights"]) if "weights" in about else None
    except (ValueError, TypeError):
        raise UserError(f"{path}: not {DESCRIBED} (its metadata are damaged); train it again") from None


def _require(folder: Path, *files: str) -> None:
    for file in files:
        if not (folder / file).is_file():
            raise UserError(f"{folder}: no {file}, so no trained system; train it with `avsd train {folder.name}`")


def _tensors_hash(weights: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for key, value in sorted(weights.items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def recover(folder: Path) -> None:
    """Clear away what a killed training left beside ``folder``; an old model that had just stepped aside comes back."""
    # Only what is half-made has a name by which it goes with its maker: the old model may be all there is.
    for old in sorted(folder.parent.glob(f".{folder.name}.*{ASIDE}")):
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(folder)
    if folder.parent.is_dir():
        remove_leftovers(folder.parent)


def _put(temporary: Path, folder: Path) -> None:
    """Rename ``temporary`` onto ``folder``; an older folder steps aside first, since only an empty one is replaced."""
    if not folder.exists():
        temporary.rename(folder)
        return
    old = folder.parent / f".{folder.name}.{token_hex(4)}{ASIDE}"
    folder.rename(old)
    temporary.rename(folder)
    shutil.rmtree(old)


def load(folder: Path, vocabulary: Vocabulary, device: torch.device | str) -> LoadedSystem:
    """Read what `save` wrote.

    Raises `UserError` when files are missing or damaged, or when the system was trained with another vocabulary. What
    is described is compared with what the weights' file holds before anything is made as large as it says.
    """
    _require(folder, INFO, WEIGHTS)
    info = read_info(folder / INFO)
    if info["vocabulary"]["hash"] != vocabulary.hash:
        raise UserError(
            f"{folder}: trained with another vocabulary ({info['vocabulary']['size']} entries, SHA-256 "
            f"{info['vocabulary']['hash'][:12]}; given: {len(vocabulary)}, {vocabulary.hash[:12]}); train it again"
        )
    _check_shapes(folder, info, len(vocabulary))
    network = _described(folder, info, len(vocabulary))
    weights, written = read_weights(folder), _written_hash(folder / WEIGHTS)
    if written not in (None, info["weights"]):
        raise UserError(f"{folder / WEIGHTS}: not {DESCRIBED} (but those of another training); train it again")
    if written is None and _tensors_hash(weights) != info["weights"]:
        log(f"warning: {folder / WEIGHTS}: other weights than {INFO} describes, saved by another program")
    check_hash(folder / INFO, info)
    network.load_state_dict(weights)
    return LoadedSystem(network.to(device).eval(), info)


def _described(folder: Path, info: Mapping[str, Any], words: int) -> Network:
    """The network that a `system.json` describes, with fresh weights."""
    try:
        sizes = network_sizes(info["network"], info["sizes"])
        return build_network(
            info["network"],
            sizes,
            words,
            info["feature_dims"],
            info["history"],
            info.get("question", True),
            info.get("concepts", False),
        )
    except (ValueError, RuntimeError) as error:
        said = str(error)
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            said = f"sizes.{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"
        reason = shown(" ".join(said.split()))[:200]
        raise UserError(f"{folder / INFO}: describes no network that can be built ({reason}); train it again") from None


def _check_shapes(folder: Path, info: Mapping[str, Any], words: int) -> None:
    """Compare the network that is described, built without memory, with the shapes in the weights' file."""
    there = tensor_shapes(folder / WEIGHTS, DESCRIBED)
    for name, size in info["sizes"].items():
        if name.endswith("layers") and isinstance(size, int) and size > len(there):
            raise UserError(f"{folder / INFO}: sizes.{name} is {size}, and {WEIGHTS} has {len(there)} tensors")
    with torch.device("meta"):
        network = _described(folder, info, words)
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name in sorted(there.keys() | expected.keys()):
        if there.get(name) != expected.get(name):
            found = ", ".join(
                f"{shapes.get(name, 'nothing')} {where}" for shapes, where in ((there, "there"), (expected, "expected"))
            )
            raise UserError(f"{folder / WEIGHTS}: not {DESCRIBED} ({name[:100]}: {found}); train it again")
