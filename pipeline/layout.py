"""Where the workflow keeps its results: one place for every path under the results folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Paths below ``root``, the configuration's `results`."""

    root: Path

    def finished(self, result: Path) -> Path:
        """An empty file that says that ``result`` is finished: gone while the job that makes it again is under way.

        The result itself stays until the new one takes its place.
        """
        return self.root / "finished" / result.relative_to(self.root)

    @property
    def scenes(self) -> Path:
        """The generated corpus: dialog files, truth.json and videos/."""
        return self.root / "scenes"

    @property
    def corpus(self) -> Path:
        """Canonical dialogs: {split}.json, statistics.json."""
        return self.root / "corpus"

    def dialogs(self, split: str) -> Path:
        """Canonical dialogs of a split."""
        return self.corpus / f"{split}.json"

    def references(self, name: str) -> Path:
        """References, COCO layout: answers of a test set (its name), or descriptions (`corpus.sentences`)."""
        return self.corpus / "references" / f"{name}.json"

    def decoded(self, feature: str, shard: str) -> Path:
        """Frames or sound of a shard, decoded for a feature (temporary)."""
        return self.root / "decoded" / feature / f"{shard}.h5"

    def videos_mark(self, shard: str) -> Path:
        """A mark that is another one whenever a video of the shard is."""
        return self.root / "videos" / f"{shard}.mark"

    def unread(self, feature: str) -> Path:
        """Folder of a feature's lists, one a shard: videos that could not be read for it."""
        return self.quarantine / feature

    def unread_shard(self, feature: str, shard: str) -> Path:
        """Videos of a shard that could not be read for a feature, and why."""
        return self.unread(feature) / f"{shard}.tsv"

    @property
    def quarantine(self) -> Path:
        """Folder of the lists of videos that could not be read for some feature."""
        return self.root / "quarantine"

    def quarantine_shard(self, shard: str) -> Path:
        """Videos of a shard that could not be read, for which features, and why."""
        return self.quarantine / f"{shard}.tsv"

    def feature(self, feature: str) -> Path:
        """Folder of a feature's shards."""
        return self.root / "features" / feature

    def feature_shard(self, feature: str, shard: str) -> Path:
        """One shard of a feature."""
        return self.feature(feature) / f"{shard}.h5"

    def extraction_seconds(self, feature: str, shard: str) -> Path:
        """How long extraction took for a shard of a computed feature, as a table."""
        return self.root / "seconds" / feature / f"{shard}.tsv"

    @property
    def vocabulary(self) -> Path:
        """Words and ids."""
        return self.root / "vocabulary.json"

    @property
    def concepts(self) -> Path:
        """The concept words that detectors look for."""
        return self.root / "concepts.json"

    @property
    def scene_captions(self) -> Path:
        """Captions of further generated scenes."""
        return self.scenes / "captions.json"

    def model(self, system: str) -> Path:
        """Folder of a trained system."""
        return self.root / "models" / system

    def state(self, system: str) -> Path:
        """Folder of a system's resumable training state, apart from the finished model."""
        return self.root / "state" / system

    def pretraining(self, system: str) -> "Layout":
        """Where a system's pretraining on captions lies: a run of its own."""
        return Layout(self.root / "captions" / system)

    def answers(self, system: str, test_set: str) -> Path:
        """What a system writes for a test set: answers, or whatever its task is."""
        return self.root / "answers" / system / f"{test_set}.json"

    def scores(self, system: str, test_set: str) -> Path:
        """Scores of generated answers."""
        return self.root / "scores" / system / f"{test_set}.json"

    def paraphrases(self, references: str) -> Path:
        """Folder of METEOR's paraphrases for what is scored against some references."""
        return self.root / "paraphrases" / references

    @property
    def explained(self) -> Path:
        """Where a system looked while it answered: for the report."""
        return self.root / "explained.json"

    @property
    def web(self) -> Path:
        """What the page in the browser keeps of videos that it was given."""
        return self.root / "web"

    @property
    def found(self) -> Path:
        """What `avsd find` keeps of videos that it has searched."""
        return self.root / "found"

    @property
    def tables(self) -> Path:
        """Folder of the tables."""
        return self.root / "tables"

    @property
    def report(self) -> Path:
        """The report, one page."""
        return self.root / "report.html"

    @property
    def distillation(self) -> Path:
        """The page of the distilled captioner's experiment."""
        return self.root / "distillation.html"

    @property
    def matching(self) -> Path:
        """The page of the systems that compare sentences with videos."""
        return self.root / "matching.html"


def kinetics_path(resources: Path) -> Path:
    """The Kinetics weights of I3D in the folder of fetched weights; `avsd weights kinetics` writes them."""
    return resources / "weights" / "i3d_rgb_kinetics400.safetensors"


def imagenet_path(resources: Path) -> Path:
    """The ImageNet weights of EfficientNet-Lite2 among the fetched ones; `avsd weights imagenet` writes them."""
    return resources / "weights" / "efficientnet_lite2_imagenet.safetensors"


def fetched_weights(weights: object, resources: Path) -> list[Path]:
    """The file of weights that a rule fetches, of a feature's setting `weights`; none of the user's own file."""
    fetched = {"kinetics": kinetics_path, "imagenet": imagenet_path}
    return [fetched[weights](resources)] if isinstance(weights, str) and weights in fetched else []
