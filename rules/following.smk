# One line that says where a run is takes the place of Snakemake's lines about each job, which stand in its log. Whoever
# asks Snakemake for more lines or none (--verbose, --printshellcmds, --quiet progress, another --logger) gets these.

from snakemake.logging import logger
from snakemake.settings.enums import Quietness

from pipeline.following.durations import Durations, key_of
from pipeline.following.line import RunLine
from pipeline.following.run import Job, Run


def follow_run():
    settings = workflow.output_settings
    own = [each for each in logger.handlers if each.name == "DefaultStreamHandler"]
    if settings.verbose or settings.printshellcmds or not own:
        return
    if {Quietness.ALL, Quietness.PROGRESS} & set(settings.quiet or ()):
        return
    dag = workflow.dag
    numbers = {job: dag.jobid(job) for job in dag.needrun_jobs()}
    jobs = {
        numbers[job]: followed(
            job, [numbers[each] for each in dag.dependencies[job] if each in numbers]
        )
        for job in numbers
    }
    # Where jobs are submitted, what counts is how many at a time.
    cores = workflow.cores if HERE else workflow.nodes
    gpus = workflow.global_resources.get("gpu") if HERE else None
    durations = Durations.of_earlier_runs(BENCHMARKS)
    run = Run(jobs, durations, cores, None if gpus is None else gpus.value)
    line = RunLine(run, own[0].stream, BELOW / BENCHMARKS)
    own[0].addFilter(line.lets_by)
    logger.addHandler(line)


def followed(job, needs):
    of = [str(value) for value in job.wildcards_dict.values()]
    # In a storage it may have another path here: then its rule and wildcards are told apart as well.
    benchmark = Path(job.benchmark or "")
    ours = benchmark.is_relative_to(BELOW / BENCHMARKS)
    return Job(
        key=key_of(benchmark, BELOW / BENCHMARKS) if ours else (job.rule.name, *of),
        name=" ".join([job.rule.name, *of]),
        timed=job.benchmark is not None,
        needs=tuple(needs),
        cores=job.threads if HERE else 1,
        gpus=job.resources.get("gpu") or 0,
    )
