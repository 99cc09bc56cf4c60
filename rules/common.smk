# The plan of this configuration, and what rules of several stages share. Lists and parameters come from pipeline/plan/,
# which is typed and tested; here, and in inputs/ for each stage, they only meet Snakemake's wildcards.

import re
import shlex
import sys
from pathlib import Path

from snakemake.settings.types import DeploymentMethod
from snakemake.utils import min_version

min_version("9.0")

from pipeline.errors import UserError
from pipeline.gpus import jobs_per_gpu, visible
from pipeline.holding import hold
from pipeline.inert import shown
from pipeline.layout import imagenet_path, kinetics_path
from pipeline.plan import Plan
from pipeline.versions import STAGES

# On a workstation as many jobs use GPUs as it has; `--resources gpu=2`: fewer. Which one a job takes: pipeline/gpus.py.
try:
    PLAN = Plan.of(config, check=workflow.is_main_process)
    GPUS = len(visible()) * jobs_per_gpu()
except UserError as error:
    sys.exit(f"error: {shown(error)}")

if workflow.is_main_process:
    for note in PLAN.notes:
        print(shown(note), file=sys.stderr)

# Where jobs are submitted (`nodes` at a time), GPUs are the scheduler's business.
HERE = workflow.is_main_process and workflow.resource_settings.nodes is None
if HERE and GPUS > 0 and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", GPUS)

LAYOUT = PLAN.layout
LOGS = LAYOUT.root / "logs"
BENCHMARKS = LAYOUT.root / "benchmarks"

# `avsd` is this checkout's package, run by the Python that runs Snakemake or, with conda environments, by theirs. With
# PYTHONSAFEPATH nothing is imported from the folder a user works in. It takes the shell's place, and is told of
# Snakemake's process, with which it ends. Snakemake formats the prefix: braces are doubled.
WITH_CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
PYTHON = "python" if WITH_CONDA else shlex.quote(sys.executable)
CHECKOUT = shlex.quote(str(workflow.basedir))
AVSD = f'avsd() {{ AVSD_PARENT=$PPID exec {PYTHON} -m pipeline "$@"; }}; '
# Files without an option stand at the end, behind `--`: a folder may be called -results.
PREFIX = f"export PYTHONSAFEPATH=1 PYTHONPATH={CHECKOUT}; {AVSD}"
shell.prefix(PREFIX.replace("{", "{{").replace("}", "}}"))


def hold_results():
    try:
        hold(LAYOUT.root)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


# Snakemake formats the path of an environment, the checkout's with it, with a job's wildcards.
def environment(file):
    path = str(Path(workflow.basedir) / file)
    return path.replace("{", "{{").replace("}", "}}")


wildcard_constraints:
    shard=r"\d{4,5}",
    feature=r"[\w-]+",
    system=r"[\w-]+",
    test_set="trial|official|test|training|validation",
    references=r"[\w.]+",


# With a storage provider (profiles/kubernetes) jobs work on copies of files, all of them below one folder.
def copies():
    settings = workflow.storage_settings
    if settings.default_storage_provider is None:
        return Path()
    provider = workflow.storage_registry.default_storage_provider
    one = provider.object(f"{settings.default_storage_prefix.rstrip('/')}/one")
    return Path(one.local_path()).parent


BELOW = copies()


# A parameter function that asks for `threads` is not among the reasons to run a job again: folders and devices are
# passed this way, what a result depends on is not.
def machine(wildcards, threads):
    return PLAN.machine(below=BELOW)


# With the size of the feature's batches.
def feature_machine(wildcards, threads):
    return PLAN.machine(feature=wildcards.feature, below=BELOW)


# With what the system is called: that stands in its model card and its answers, and changes neither.
def system_machine(wildcards, threads):
    return PLAN.machine(wildcards.system, below=BELOW)


# GPUs that the job takes for itself on each machine.
def taken_gpus(wildcards, resources):
    return resources.get("gpu", 0) // resources.get("nodes", 1)


# A job that was ended for its memory or its time is tried again with more (`retries` in the profiles).
def growing(first):
    def grown(wildcards, attempt):
        return first * attempt

    return grown


# A training on several machines is one job: a task a machine, which `srun` starts (pipeline/training/launch.py).
def machines():
    if PLAN.config.nodes == 1:
        return {}
    each = {"mpi": "srun", "nodes": PLAN.config.nodes, "tasks": PLAN.config.nodes}
    if PLAN.gpu is None:
        return each
    gpus = f"--gpus-per-node={PLAN.config.processes}"
    return {**each, "tasks_per_gpu": 0, "slurm_extra": gpus}


# Results that took long are flagged `update`: Snakemake then leaves the old one where it is until the new one is whole,
# and puts it back when the job fails. As it takes a file that it has put back for a finished one, an empty file beside
# says what is finished; whoever needs the result needs that, too. In a storage the old ones stay by themselves, and
# Snakemake would look for them here.
def kept(result):
    return update(result) if BELOW == Path() else result


def finished(results):
    return [LAYOUT.finished(path) for path in results]


def model_file(system):
    return LAYOUT.model(system) / "model.safetensors"


# What stands beside the weights and is read with them: where files lie in a storage, a job has those alone that it names.
def beside(weights):
    names = ["system.json", "vocabulary.json", "curves.csv"]
    return [path.parent / name for path in weights for name in names]


def model_files(systems):
    weights = [model_file(system) for system in systems]
    return weights + beside(weights) + finished(weights)


def feature_files(features):
    shards = PLAN.feature_shards(features)
    return shards + finished(shards)


def answer_files(pairs):
    answers = [LAYOUT.answers(*pair) for pair in pairs]
    return answers + finished(answers)


def score_files(pairs):
    scores = [LAYOUT.scores(*pair) for pair in pairs]
    return scores + finished(scores)


def one_of(names):
    return "|".join(dict.fromkeys(names)) or "none"


# A list of this run's with that of the experiments beside it, which are planned on request alone.
def of_runs(listed):
    return [each for run in PLAN.runs for each in getattr(run, listed)]


# Without a test set, systems are trained and nothing is scored: a pretraining.
def everything():
    if PLAN.test_sets:
        return LAYOUT.report
    return rules.models.input if PLAN.config.run else rules.features.input


include: "inputs/corpus.smk"
include: "inputs/features.smk"
include: "inputs/training.smk"
include: "inputs/pretraining.smk"
include: "inputs/answers.smk"
include: "inputs/scoring.smk"
include: "inputs/report.smk"
