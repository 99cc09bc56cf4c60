# How files were made, Snakemake keeps in `.snakemake` of the folder it runs in, by their paths as they were given there.
# Of results that were made from another folder, or with `results` spelled otherwise, it knows nothing: it takes them as
# they are whatever they were made with, and says so in dry runs alone. Here it is said before jobs run, or at the end
# where none does.

import atexit

from pipeline.names import listed


def say_unknown():
    atexit.unregister(say_unknown)
    dag = workflow.dag
    jobs = [] if dag is None or workflow.dryrun else list(dag.jobs)
    rules_of_unknown = [
        job.rule.name
        for job in jobs
        if not dag.needrun(job)
        and (dag.reason(job).no_metadata or dag.reason(job).outdated_metadata)
    ]
    if rules_of_unknown:
        print(
            f"note: of {len(rules_of_unknown)} of {len(jobs)} jobs' results it is not known how they were made "
            f"({listed(list(dict.fromkeys(rules_of_unknown)))}): they are taken as they are, though settings may have "
            "been others. Run where they were made, with `results` spelled as there, or make them again (--forceall)",
            file=sys.stderr,
        )


if workflow.is_main_process:
    atexit.register(say_unknown)
