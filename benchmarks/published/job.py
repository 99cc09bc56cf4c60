"""What both sides of section baseline read, laid out in a folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from benchmarks.published.port import SETTINGS, numbers, port, settings
from benchmarks.shared.workload import Workload
from pipeline.corpus.dialogs import write_dialogs
from pipeline.errors import UserError
from pipeline.progress import progress

SIZES = {
    "enc_psize": 2,
    "enc_hsize": 2,
    "att_size": 1,
    "mout_size": 1,
    "embed_size": 1,
    "in_enc_layers": 1,
    "in_enc_hsize": 1,
    "hist_enc_layers": 2,
    "hist_enc_hsize": 1,
    "hist_out_size": 1,
    "dec_layers": 1,
    "dec_psize": 1,
    "dec_hsize": 1,
    "batch_size": 1,
    "max_length": 1,
}
"""The variables of run_i3d.sh that avsd_train.py is given, and how many numbers each holds."""


@dataclass(frozen=True)
class Job:
    """A training on ``threads`` cores, on ``batches`` of the batches that the dialogs make.

    dims: dimensions of the features, in order. sizes: the published code's, by the name in its run_i3d.sh.
    """

    folder: Path
    threads: int
    batches: int
    dims: Mapping[str, int]
    sizes: Mapping[str, tuple[int, ...]]

    @property
    def code(self) -> Path:
        """The published modules, changed."""
        return self.folder / "code"

    @property
    def dialogs(self) -> Path:
        """The dialogs, in the challenge's layout."""
        return self.folder / "dialogs.json"

    @property
    def vocabulary(self) -> Path:
        """Our vocabulary."""
        return self.folder / "vocabulary.json"

    @property
    def features(self) -> Path:
        """A folder a feature, a file `<id>.npy` a video."""
        return self.folder / "features"

    @classmethod
    def make(cls, folder: Path, checkout: Path, workload: Workload, threads: int, batches: int) -> Self:
        """Lay out everything for ``checkout`` in ``folder``, which exists and is empty."""
        found = settings(checkout)
        names = found.get("fea_type", ())
        missing = [name for name in names if name not in workload.stores]
        if len(names) != 2 or missing:
            raise UserError(
                f"{checkout / SETTINGS}: fea_type is {' '.join(names) or 'not set'}, expected two of the features of "
                f"the workload ({', '.join(workload.stores)})"
            )
        sizes = {name: numbers(found, name, count, checkout / SETTINGS) for name, count in SIZES.items()}
        job = cls(folder, threads, batches, {name: workload.dims[name] for name in names}, sizes)
        job.code.mkdir()
        port(checkout, job.code)
        write_dialogs(job.dialogs, workload.dialogs)
        workload.vocabulary.write(job.vocabulary)
        for name in names:
            (job.features / name).mkdir(parents=True)
            for dialog in progress(workload.dialogs, len(workload.dialogs), f"{name} as files", "videos"):
                np.save(job.features / name / f"{dialog.video_id}.npy", workload.stores[name].read(dialog.video_id))
        content = {"threads": threads, "batches": batches, "dims": job.dims, "sizes": sizes}
        (folder / "job.json").write_text(json.dumps(content))
        return job

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The job that stands in ``folder``."""
        content = json.loads((folder / "job.json").read_text())
        sizes = {name: tuple(values) for name, values in content["sizes"].items()}
        return cls(folder, content["threads"], content["batches"], content["dims"], sizes)
