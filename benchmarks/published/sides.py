"""The two sides of section baseline, each a process of its own: `python -m benchmarks.published.sides SIDE FOLDER`.

The folder is what `benchmarks.published.job` lays out. The process says when it is ready, trains on its batches once
for each line it reads, and answers with what that took; everything is a line of JSON. When its input ends it tells its
peak memory and ends.
"""

import importlib
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.published.conversation import say
from benchmarks.published.job import Job
from benchmarks.shared.own_process import high_water
from benchmarks.shared.timing import take_cores
from pipeline.corpus.dialogs import read_dialogs
from pipeline.dataset.batch import Batch
from pipeline.dataset.dialogs import DialogDataset
from pipeline.dataset.features import Store
from pipeline.dataset.views import View
from pipeline.networks.registry import build_generator
from pipeline.networks.sizes import NaiveFusionSizes
from pipeline.training.feed import ahead
from pipeline.training.losses import cross_entropy, real_words
from pipeline.training.split import Split
from pipeline.vocabulary.words import SPECIAL, Vocabulary

T = TypeVar("T")
CLIP = 5.0
"""The largest norm of a gradient in our training; the published code does not clip."""


@dataclass(frozen=True)
class Side:
    """What is timed. learn: one step of training on a batch: its turns, target words and mean loss."""

    network: nn.Module
    batches: Callable[[], Iterable[Any]]
    learn: Callable[[Any], tuple[int, int, float]]


class NpyStore:
    """A feature in the files that the published code reads, `<id>.npy`: both sides read the same ones."""

    def __init__(self, folder: Path, dims: int) -> None:
        self.folder, self.dims = folder, dims

    def __contains__(self, video_id: str) -> bool:
        return (self.folder / f"{video_id}.npy").exists()

    def read(self, video_id: str) -> NDArray[np.float32]:
        """(steps, dims)."""
        values: NDArray[np.float32] = np.load(self.folder / f"{video_id}.npy")
        return values


def ours(job: Job) -> Side:
    """Our naive fusion with its default sizes, in the steps of `pipeline.training.loop`."""
    dialogs, vocabulary = read_dialogs(job.dialogs, answered=True), Vocabulary.read(job.vocabulary)
    stores: dict[str, Store] = {name: NpyStore(job.features / name, dims) for name, dims in job.dims.items()}
    view = View(tuple(job.dims), "none", history=True)
    # Nothing is kept in memory: at the paper's size most features would not be either.
    split = Split.of(DialogDataset(dialogs, vocabulary, stores, {"model": view}, cache_bytes=0))
    made = split.shuffled(job.sizes["batch_size"][0], 1, 0)
    chosen = shuffled(spread(sorted(made, key=lambda units: max(split.lengths[unit] for unit in units)), job.batches))
    network = build_generator("naive_fusion", NaiveFusionSizes(), len(vocabulary), job.dims, history=True)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)

    def learn(batch: Batch) -> tuple[int, int, float]:
        assert batch.targets is not None
        loss = cross_entropy(network(batch.views["model"], batch.targets), real_words(batch.targets))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
        return batch.turns, int(batch.targets.lengths.sum()), loss.item()

    def batches() -> Iterator[Batch]:
        return ahead(split.read, chosen)

    return Side(network, batches, learn)


def theirs(job: Job) -> Side:
    """The published network and batches, put together and trained as its avsd_train.py does with run_i3d.sh."""
    sys.path.insert(0, str(job.code))
    handler, trainer = importlib.import_module("data_handler"), importlib.import_module("avsd_train")
    data = handler.load(
        list(job.dims), f"{job.features}/<FeaType>/<ImageID>.npy", str(job.dialogs), vocab=ids(job.vocabulary)
    )
    network = _published_network(trainer, job, handler.feature_shape(data), len(data["vocab"]))
    optimizer = torch.optim.Adam(network.parameters())
    # Long histories first; its decoder fails on a batch of one turn, which the last one may be.
    made, _ = handler.make_batch_indices(data, job.sizes["batch_size"][0], max_length=job.sizes["max_length"][0])
    chosen = shuffled(spread([index for index in made if len(index[1]) > 1], job.batches))

    def learn(batch: Any) -> tuple[int, int, float]:
        videos, pairs, *texts = batch
        history = [[torch.from_numpy(words) for words in turns] for turns in pairs]
        questions, entered, left = ([torch.from_numpy(words) for words in sentences] for sentences in texts)
        loss: Tensor = network.loss([torch.from_numpy(video) for video in videos], history, questions, entered, left)[2]
        value = loss.item()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        return len(left), sum(map(len, left)), value

    def batches() -> Iterator[Any]:
        # As in its loop: a thread fetches the next batch while this one is learned from, and is then waited for.
        waiting = [handler.make_batch(data, chosen[0])]
        for following in chosen[1:]:
            present = waiting.pop()
            thread = threading.Thread(target=trainer.fetch_batch, args=(handler, data, following, waiting))
            thread.start()
            yield present
            thread.join()
        yield waiting.pop()

    return Side(network, batches, learn)


def _published_network(trainer: Any, job: Job, dims: list[int], words: int) -> Any:
    sizes = {name: value[0] for name, value in job.sizes.items()}
    encoded = sizes["mout_size"] + sizes["hist_out_size"] + sizes["in_enc_hsize"]
    return trainer.MMSeq2SeqModel(
        trainer.MMEncoder(
            dims,
            sizes["mout_size"],
            enc_psize=list(job.sizes["enc_psize"]),
            enc_hsize=list(job.sizes["enc_hsize"]),
            att_size=sizes["att_size"],
            state_size=sizes["in_enc_hsize"],
        ),
        trainer.HLSTMEncoder(
            *job.sizes["hist_enc_layers"], words, sizes["hist_out_size"], sizes["embed_size"], sizes["hist_enc_hsize"]
        ),
        trainer.LSTMEncoder(sizes["in_enc_layers"], words, sizes["in_enc_hsize"], sizes["embed_size"]),
        trainer.HLSTMDecoder(
            sizes["dec_layers"],
            words,
            words,
            sizes["embed_size"],
            encoded,
            sizes["dec_hsize"],
            sizes["dec_psize"],
            independent=True,
        ),
    )


def ids(path: Path) -> dict[str, int]:
    """The published code's ids for our words: its three special entries come first, and ours for padding last."""
    words = Vocabulary.read(path).words
    entries = ["<unk>", "<sos>", "<eos>", *words[len(SPECIAL) :], "<pad>"]
    return {word: place for place, word in enumerate(entries)}


def spread(batches: Sequence[T], count: int) -> list[T]:
    """``count`` of ``batches``, evenly spread over them; all of them where there are no more."""
    if len(batches) <= count:
        return list(batches)
    return [batches[(2 * place + 1) * len(batches) // (2 * count)] for place in range(count)]


def shuffled(batches: list[T]) -> list[T]:
    """The same in another order, always the same."""
    return random.Random(1).sample(batches, len(batches))


def epoch(side: Side) -> dict[str, float]:
    """Train on every batch once: turns, wall-clock and processor seconds, and the mean loss of a word."""
    turns, words, losses = 0, 0, 0.0
    start, used = time.perf_counter(), time.process_time()
    for batch in side.batches():
        more_turns, more_words, loss = side.learn(batch)
        turns, words, losses = turns + more_turns, words + more_words, losses + loss * more_words
    return {
        "turns": turns,
        "seconds": time.perf_counter() - start,
        "processor": time.process_time() - used,
        "loss": losses / words,
    }


def main() -> None:
    """Serve one side until the input ends."""
    job = Job.read(Path(sys.argv[2]))
    take_cores(job.threads)
    torch.manual_seed(1)
    side = {"ours": ours, "theirs": theirs}[sys.argv[1]](job)
    side.learn(next(iter(side.batches())))
    say({"weights": sum(weight.numel() for weight in side.network.parameters())})
    for _ in sys.stdin:
        say(epoch(side))
    say({"peak": high_water()})


if __name__ == "__main__":
    main()
