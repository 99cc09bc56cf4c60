# The plan of this configuration, and the input functions that several rules share. Lists and parameters come from
# pipeline/plan.py, which is typed and tested; here they only meet Snakemake's wildcards.

import shlex
import sys

from snakemake.settings.types import DeploymentMethod
from snakemake.utils import min_version

min_version("9.0")

sys.path.insert(0, str(workflow.basedir))

from pipeline.errors import UserError
from pipeline.layout import kinetics_path
from pipeline.plan import Plan
from pipeline.versions import STAGES

try:
    PLAN = Plan.of(config)
except UserError as error:
    sys.exit(f"error: {error}")

LAYOUT = PLAN.layout
LOGS = LAYOUT.root / "logs"
BENCHMARKS = LAYOUT.root / "benchmarks"

# `avsd` is this checkout's package, run by the Python that runs Snakemake or, with conda environments, by theirs.
WITH_CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
PYTHON = "python" if WITH_CONDA else shlex.quote(sys.executable)
shell.prefix(
    f'export PYTHONPATH={shlex.quote(str(workflow.basedir))}; avsd() {{{{ {PYTHON} -m pipeline "$@"; }}}}; '
)


wildcard_constraints:
    shard=r"\d{4}",
    feature=r"\w+",
    system=r"\w+",
    test_set="trial|official",


# A parameter function that asks for `threads` is not among the reasons to run a job again: folders and devices are
# passed this way, what a result depends on is not.
def machine(wildcards, threads):
    return PLAN.machine()


def model_file(system):
    return LAYOUT.model(system) / "model.safetensors"


def one_of(names):
    return "|".join(names) or "none"


# Without a test set, systems are trained and nothing is scored: a pretraining.
def everything():
    if PLAN.test_sets:
        return LAYOUT.report
    return rules.models.input if PLAN.config.run else rules.features.input


def scene_settings(wildcards):
    return PLAN.scene_settings()


def corpus_settings(wildcards):
    return PLAN.corpus_settings()


def shard_videos(wildcards):
    return PLAN.videos(wildcards.shard)


def decode_settings(wildcards):
    return PLAN.decode_settings(wildcards.feature)


def feature_weights(wildcards):
    return PLAN.weights(wildcards.feature)


def extract_settings(wildcards):
    return PLAN.extract_settings(wildcards.feature)


def npy_files(wildcards):
    return PLAN.npy_files(wildcards.feature, wildcards.shard)


def npy_settings(wildcards):
    return PLAN.npy_settings(wildcards.feature)


def vocabulary_settings(wildcards):
    return PLAN.vocabulary_settings()


def system_features(wildcards):
    return PLAN.feature_shards(PLAN.system_features(wildcards.system))


def teacher_model(wildcards):
    teacher = PLAN.config.systems[wildcards.system].teacher
    return [] if teacher is None else model_file(teacher)


def training_files(wildcards):
    return PLAN.training_files(wildcards.system)


def answer_files(wildcards):
    return PLAN.answer_files(wildcards.system)


def training_settings(wildcards):
    return PLAN.training_settings(wildcards.system)


def trained_model(wildcards):
    return model_file(PLAN.config.trained(wildcards.system)[0])


def answer_settings(wildcards):
    return PLAN.answer_settings(wildcards.system)


def report_settings(wildcards):
    return PLAN.report_settings()


# `avsd score` takes one --json for each hypotheses file, in the same order.
def score_options(wildcards, output):
    return " ".join(f"--json {shlex.quote(path)}" for path in output.scores)


def against_options(test_set):
    trials = f"--randomisations {PLAN.config.scoring.randomisations}"
    return [
        f"--against {shlex.quote(str(path))} {trials}"
        for path in PLAN.compared(test_set)
    ]


def truth_option(wildcards):
    return " ".join(f"--truth {shlex.quote(str(path))}" for path in PLAN.truth)
