# The plan of this configuration, and the input functions that several rules share. Lists and parameters come from
# pipeline/plan/, which is typed and tested; here they only meet Snakemake's wildcards.

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


def scene_settings(wildcards):
    return PLAN.scene_settings()


def corpus_settings(wildcards):
    return PLAN.corpus_settings()


def shard_videos(wildcards):
    return PLAN.videos(wildcards.shard)


def decoding(wildcards):
    return PLAN.decoding(wildcards.shard)


def decoding_and_extraction(wildcards):
    return [decoding(wildcards), STAGES["extract"]]


def decode_settings(wildcards):
    return PLAN.decode_settings(wildcards.feature)


def feature_weights(wildcards):
    return PLAN.weights(wildcards.feature)


def extract_settings(wildcards):
    return PLAN.extract_settings(wildcards.feature)


def npy_files(wildcards):
    run = next(run for run in PLAN.runs if wildcards.feature in run.gathered)
    return run.npy_files(wildcards.feature, wildcards.shard)


def npy_settings(wildcards):
    return PLAN.npy_settings(wildcards.feature, BELOW)


def vocabulary_settings(wildcards):
    return PLAN.vocabulary_settings()


def system_features(wildcards):
    return feature_files(PLAN.system_features(wildcards.system))


# The words that a system's network is made for: a detector knows concept words alone.
def system_words(wildcards):
    return PLAN.words(wildcards.system)


def teacher_model(wildcards):
    teacher = PLAN.config.systems[wildcards.system].teacher
    return [] if teacher is None else model_files([teacher])


# Another system of the run, or what a pretraining on captions left.
def started_model(wildcards):
    start = PLAN.start_model(wildcards.system)
    return [] if start is None else [start, *beside([start]), *finished([start])]


def pretraining_plan(wildcards):
    return PLAN.pretraining[wildcards.system]


def pretraining_captions(wildcards):
    return pretraining_plan(wildcards).corpus_files()["training"]


def pretraining_corpus_settings(wildcards):
    return pretraining_plan(wildcards).corpus_settings()


def pretraining_vocabulary_settings(wildcards):
    return pretraining_plan(wildcards).vocabulary_settings()


def pretraining_npy_files(wildcards):
    return pretraining_plan(wildcards).npy_files(wildcards.feature, wildcards.shard)


def pretraining_npy_settings(wildcards):
    return pretraining_plan(wildcards).npy_settings(wildcards.feature, BELOW)


def pretraining_features(wildcards):
    plan = pretraining_plan(wildcards)
    shards = plan.feature_shards(plan.features)
    return shards + finished(shards)


def pretraining_settings(wildcards):
    return pretraining_plan(wildcards).training_settings(wildcards.system)


def pretraining_machine(wildcards, threads):
    return pretraining_plan(wildcards).machine(below=BELOW)


def pretraining_system_machine(wildcards, threads):
    return pretraining_plan(wildcards).machine(wildcards.system, below=BELOW)


# With what other systems have written that this one reads.
def files_for_training(wildcards):
    read = answer_files(PLAN.read_in_training(wildcards.system))
    return PLAN.training_files(wildcards.system) + read


def files_for_answering(wildcards):
    read = answer_files(PLAN.read_at_test(wildcards.system, wildcards.test_set))
    given = PLAN.references_read(wildcards.system, wildcards.test_set)
    return PLAN.answer_files(wildcards.system) + read + given


def training_settings(wildcards):
    return PLAN.training_settings(wildcards.system)


def trained_model(wildcards):
    return model_files(PLAN.config.answers_with(wildcards.system))


def answer_settings(wildcards):
    return PLAN.answer_settings(wildcards.system)


def report_settings(wildcards):
    return PLAN.report_settings()


def other_answers(wildcards):
    return PLAN.compared_with(wildcards.system, wildcards.test_set)


def other_finished(wildcards):
    return finished(other_answers(wildcards))


def against_options(wildcards):
    trials = f"--randomisations {PLAN.config.scoring.randomisations}"
    return [
        f"--against {shlex.quote(str(BELOW / path))} {trials}"
        for path in other_answers(wildcards)
    ]


def references(wildcards):
    return LAYOUT.references(PLAN.references(wildcards.system, wildcards.test_set))


def paraphrases_of(wildcards):
    return LAYOUT.paraphrases(PLAN.references(wildcards.system, wildcards.test_set))


# Of sentences alone; others are scores, ranks, words.
def paraphrases(wildcards):
    says = PLAN.says(wildcards.system)
    return paraphrases_of(wildcards) / "paraphrases.gz" if says else []


def paraphrased_tokens(wildcards):
    says = PLAN.says(wildcards.system)
    return paraphrases_of(wildcards) / "tokens.txt" if says else []


def paraphrases_option(wildcards):
    if not PLAN.says(wildcards.system):
        return ""
    return f"--paraphrases {shlex.quote(str(BELOW / paraphrases_of(wildcards)))}"


def score_options(wildcards):
    return PLAN.score_options(wildcards.system)


# What candidates are drawn for.
def drawn_beside(wildcards):
    return PLAN.drawn_beside(wildcards.test_set)


SPICE = [] if PLAN.config.scoring.spice is None else [PLAN.config.scoring.spice]


def spice_option(wildcards):
    return " ".join(f"--spice {shlex.quote(str(BELOW / path))}" for path in SPICE)


def truth_option(wildcards):
    return " ".join(f"--truth {shlex.quote(str(BELOW / path))}" for path in PLAN.truth)


# The distilled captioner's experiment: what its tables and its page are made of. Whatever is missing for it is said
# when it is asked for, not before.
def distillation():
    try:
        return PLAN.checked_distillation()
    except UserError as error:
        sys.exit(f"error: {shown(error)}")


def distillation_scores(wildcards):
    return score_files(distillation().answered)


def distillation_answers(wildcards):
    return answer_files(distillation().answered)


def distillation_models(wildcards):
    return model_files(distillation().trained)


def distillation_features(wildcards):
    return feature_files(distillation().features)


def distillation_seconds(wildcards):
    return distillation().seconds


def distillation_settings(wildcards):
    return PLAN.distillation.report_settings()


# Of answers, some are withheld in the dialogs, and some turns have none.
def blanked_references(wildcards):
    return LAYOUT.references(wildcards.test_set) if wildcards.text == "answer" else []


def blanked_references_option(wildcards):
    path = blanked_references(wildcards)
    return f"--references {shlex.quote(str(BELOW / path))}" if path else ""


# Somebody else's candidates or blanks.
def given_file(wildcards):
    return PLAN.given_references[wildcards.given]


def given_test_set(wildcards):
    return wildcards.given.partition(".")[0]


# The systems that compare sentences with videos, likewise.
def matching():
    try:
        return PLAN.checked_matching()
    except UserError as error:
        sys.exit(f"error: {shown(error)}")


def matching_scores(wildcards):
    return score_files(matching().answered)


def matching_answers(wildcards):
    return answer_files(matching().answered)


def matching_models(wildcards):
    return model_files(matching().trained)


def matching_features(wildcards):
    return feature_files(matching().features)


def matching_settings(wildcards):
    return PLAN.matching.report_settings()
