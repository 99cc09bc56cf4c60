"""`avsd distillation`: the distilled captioner's tables of a run, and a page of them.

Scores are means over the seeds of a system, times those that extraction has measured.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.config import Config
from pipeline.features.seconds import Seconds, read_seconds
from pipeline.layout import Layout
from pipeline.plan.files import Files
from pipeline.report.described import described_sets
from pipeline.report.distillation import Scored, Timed, score_table, time_table
from pipeline.report.distillation_gains import gain_table
from pipeline.report.distillation_paper import TEACHER, TIMES
from pipeline.report.experiment import write_experiment
from pipeline.report.results import read_scores
from pipeline.report.rows import FigureTable
from pipeline.scoring.names import METRICS
from pipeline.scoring.spice import SPICE


@dataclass(frozen=True)
class Trained:
    """A system of the experiment. seeds: the metrics of those that are scored, by number from 0.

    rate: k, the share of the steps that it sees; 1 of the teacher.
    """

    name: str
    label: str
    row: str | None
    rate: float
    seeds: Mapping[int, Mapping[str, float]]

    @property
    def mean(self) -> dict[str, float] | None:
        """Each metric's mean over the seeds; None without any."""
        if not self.seeds:
            return None
        shared = [metric for metric in (*METRICS, SPICE) if all(metric in seed for seed in self.seeds.values())]
        return {metric: statistics.mean(seed[metric] for seed in self.seeds.values()) for metric in shared}


def write_distillation(config: Config) -> None:
    """Write `tables/distillation_{scores,times,gains}` in every format, and distillation.html.

    config: that of `plan.distillation.experiment`.
    """
    page, tables = Layout(config.results).distillation, distillation_tables(config)
    write_experiment(config, page, tables, "distillation_", described=described_sets(config))


def distillation_tables(config: Config) -> list[FigureTable]:
    """Tables I and II, and what distillation gains."""
    found = trained(config)
    scored = [Scored(each.name, each.label, each.mean, each.row) for each in found]
    return [score_table(scored, _notes(config, found)), _times(config, found), gain_table(found)]


def trained(config: Config) -> list[Trained]:
    """The systems of `run`, each with its seeds."""
    made = []
    for name in config.run:
        system = config.systems[name]
        if system.seed_of is None:
            (test_set,) = system.test_sets
            scores = [read_scores(config, other, test_set) for other in config.seeds_of(name) if other in config.run]
            seeds = {number: each["metrics"] for number, each in enumerate(scores) if each is not None}
            made.append(Trained(name, system.label, system.row, _rate(config, name), seeds))
    return made


def _rate(config: Config, name: str) -> float:
    reductions = [config.features[feature].reduce for feature in config.systems[name].features]
    return max(1.0 if each is None else each.rate for each in reductions)


def _notes(config: Config, found: Sequence[Trained]) -> list[str]:
    scores = next((s for name in config.run for s in [read_scores(config, name, _test_set(config, name))] if s), None)
    notes = []
    if scores is not None:
        signature = scores["signature"]
        notes.append(
            f"This run: {_test_set(config, config.run[0])} set, filter {signature['filter']} on "
            f"{signature['filtered']}; {signature['references']} references a video, {signature['items']} videos."
        )
    most = max((len(each.seeds) for each in found), default=0)
    if most > 1:
        notes.append(f"Figures of this run are means over {most} seeds.")
    return notes


def _test_set(config: Config, name: str) -> str:
    return config.systems[name].test_sets[0]


def _times(config: Config, found: Sequence[Trained]) -> FigureTable:
    """Table II: the seconds of all features that the systems of a rate see, decoding left out."""
    files, timed, measured = Files(config), [], []
    for rate in sorted({each.rate for each in found}):
        first = next(each for each in found if each.rate == rate)
        spent = [_spent(files, feature) for feature in config.systems[first.name].features]
        known = [each for each in spent if each is not None]
        measured += known
        seconds = sum(each.a_video for each in known) if len(known) == len(spent) else None
        label, row = ("Teacher", TEACHER) if rate == 1 else (f"Students, k = {rate:g}", f"{rate:g}")
        timed.append(Timed(first.name, label, seconds, row if row in TIMES else None))
    return time_table(timed, _device(measured))


def _spent(files: Files, feature: str) -> Seconds | None:
    """What extraction took of a feature; None of one that was gathered."""
    paths = [files.layout.extraction_seconds(feature, shard) for shard in files.shards(feature)]
    return read_seconds(paths) if feature in files.computed and all(path.is_file() for path in paths) else None


def _device(measured: Sequence[Seconds]) -> list[str]:
    if not measured:
        return []
    devices = ", ".join(dict.fromkeys(each.device for each in measured))
    videos, threads = max(each.videos for each in measured), max(each.threads for each in measured)
    return [
        f"This run: {devices}, {threads} threads a job; mean over {videos} videos, all features of a system together, "
        "decoding and the loading of weights left out. Jobs that ran beside extraction slow it."
    ]
