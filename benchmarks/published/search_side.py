"""The published search in a process of its own: `python -m benchmarks.published.search_side FOLDER STEPS`.

The folder is what `benchmarks.published.search` lays out. The process trains the published network for STEPS batches,
says so in a line, answers all turns once for each line it reads, and says what that took; every line is JSON.
"""

import importlib
import sys
import time
from itertools import islice
from pathlib import Path

import torch

from benchmarks.answering.bench import ANSWERS
from benchmarks.published.conversation import say
from benchmarks.published.job import Job
from benchmarks.published.sides import ids, theirs
from benchmarks.shared.timing import take_cores

ANSWERED = "answered.json"
"""The dialogs to answer, in the job's folder."""


def main() -> None:
    """Serve until the input ends."""
    job, steps = Job.read(Path(sys.argv[1])), int(sys.argv[2])
    take_cores(job.threads)
    torch.manual_seed(1)
    side = theirs(job)
    for batch in islice(side.batches(), steps):
        side.learn(batch)
    handler, script = importlib.import_module("data_handler"), importlib.import_module("avsd_generate")
    vocabulary = ids(job.vocabulary)
    data = handler.load(
        list(job.dims), f"{job.features}/<FeaType>/<ImageID>.npy", str(job.folder / ANSWERED), vocab=vocabulary
    )
    turns, count = handler.make_batch_indices(data, 1)
    say({"turns": count})
    for _ in sys.stdin:
        clock, processor = time.perf_counter(), time.process_time()
        found = script.generate_response(
            side.network,
            data,
            turns,
            vocabulary,
            maxlen=ANSWERS.max_length,
            beam=ANSWERS.beam,
            penalty=ANSWERS.bonus,
            nbest=ANSWERS.n_best,
        )
        took = {"clock": time.perf_counter() - clock, "processor": time.process_time() - processor}
        texts = [turn["answer"] for dialog in found["dialogs"] for turn in dialog["dialog"]]
        say({**took, "words": [len(text.split()) for text in texts]})


if __name__ == "__main__":
    main()
