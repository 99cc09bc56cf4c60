"""The arithmetic of what is left, beside a simulation of a machine that always has the next job ready."""

import doctest
import heapq

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.following import durations, run
from pipeline.following import line as line_module
from pipeline.following.durations import Durations
from pipeline.following.line import line, remaining
from pipeline.following.run import Job, Left, Run
from tests.speed import lines_run


def known(**seconds):
    durations = Durations()
    for name, taken in seconds.items():
        durations.add((name,), taken)
    return durations


def simulated(jobs, seconds, cores):
    """When the last job ends if each begins as soon as those before it are done and a core is free."""
    now, free, running, done, waiting = 0.0, cores, [], set(), sorted(jobs)
    while waiting or running:
        ready = [number for number in waiting if set(jobs[number].needs) <= done]
        for number in ready[:free]:
            waiting.remove(number)
            heapq.heappush(running, (now + seconds[number], number))
        free -= len(ready[:free])
        now, number = heapq.heappop(running)
        done.add(number)
        free += 1
    return now


@st.composite
def runs(draw):
    count = draw(st.integers(1, 9))
    jobs = {
        n: Job((f"r{n}",), "", needs=tuple(draw(st.sets(st.integers(0, n - 1))) if n else ())) for n in range(count)
    }
    seconds = {n: draw(st.integers(0, 50)) for n in range(count)}
    return jobs, seconds, draw(st.integers(1, 4))


@settings(max_examples=200, deadline=None)
@given(runs())
def test_the_estimate_is_never_more_than_a_run_takes_and_never_less_than_half(case):
    """Graham: no order of the jobs is worse than twice the bound less a share of the cores."""
    jobs, seconds, cores = case
    durations = known(**{f"r{n}": taken for n, taken in seconds.items()})
    left = Run(jobs, durations, cores).left(0.0)
    truth = simulated(jobs, seconds, cores)
    assert left.untimed == 0
    assert left.seconds <= truth + 1e-6 and truth <= (2 - 1 / cores) * left.seconds + 1e-6


def test_on_one_core_it_is_the_sum():
    jobs = {1: Job(("a",), "a"), 2: Job(("b",), "b", needs=(1,)), 3: Job(("b",), "b")}
    assert Run(jobs, known(a=30, b=4), cores=1).left(0.0) == Left(38.0, 0)


def test_a_running_job_counts_with_what_is_left_of_it():
    run = Run({1: Job(("a",), "a"), 2: Job(("b",), "b", needs=(1,))}, known(a=30, b=4), cores=2)
    run.started(1, now=100.0)
    assert run.left(110.0).seconds == 24.0
    assert run.left(150.0).seconds == 4.0  # later than expected: nothing of it, all of the next
    run.finished(1, now=160.0)
    run.started(2, now=160.0)
    assert run.left(161.0).seconds == 3.0
    run.finished(2, now=165.0)
    assert run.left(165.0) == Left(0.0, 0) and run.done == 2


def test_gpus_and_wide_jobs_limit_it():
    jobs = {n: Job(("a",), "a", gpus=1) for n in range(4)}
    assert Run(jobs, known(a=10), cores=8, gpus=1).left(0.0).seconds == 40.0
    wide = {n: Job(("a",), "a", cores=16) for n in range(3)}
    assert Run(wide, known(a=10), cores=4).left(0.0).seconds == 30.0  # scaled down to what there is


def test_a_run_finds_out_itself():
    jobs = {1: Job(("a", "x"), "a x"), 2: Job(("a", "y"), "a y"), 3: Job(("end",), "end", timed=False)}
    run = Run(jobs, Durations(), cores=1)
    assert run.left(0.0) == Left(0.0, 2)
    assert remaining(run.left(0.0), 3) == ""
    run.started(1, 0.0)
    run.finished(1, 120.0)
    assert remaining(run.left(120.0), 2) == "about 2 min left"
    run.started(2, 120.0)
    run.ended(2)  # failed, and tried again: all of it
    assert run.left(180.0) == Left(120.0, 0)


def test_the_newest_time_of_a_job_is_right_and_its_rule_has_the_mean():
    durations = Durations()
    durations.add(("train", "a"), 10.0)
    durations.add(("train", "b"), 30.0)
    durations.add(("train", "a"), 50.0)
    assert durations.expected(("train", "a")) == 50.0
    assert durations.expected(("train", "c")) == 40.0


@pytest.mark.parametrize("content", ["", "s\n", "s\th:m:s\nnan\t-\n", "x\ty\n1\t2\n", "s\n1\n2\t3\t4\n", "\0"])
def test_benchmarks_that_say_nothing_are_left_out(tmp_path, content):
    (tmp_path / "train").mkdir()
    (tmp_path / "train/a.tsv").write_text(content)
    (tmp_path / "train/b.tsv").write_text("s\th:m:s\tmax_rss\n12.5\t0:00:12\t-\n")
    assert Durations.of_earlier_runs(tmp_path).expected(("train", "a")) == 12.5


def test_a_line_keeps_the_time_in_sight():
    jobs = {n: Job(("a",), f"train a_long_name_{n}") for n in range(6)}
    run = Run(jobs, known(a=600), cores=6)
    for number in jobs:
        run.started(number, 0.0)
    assert line(run, 0.0) == (
        "0 of 6 jobs | train a_long_name_0, train a_long_name_1, train a_long_name_2 and 3 more | about 10 min left"
    )
    narrow = line(run, 0.0, width=60)
    assert len(narrow) == 60 and narrow.endswith("... | about 10 min left")
    assert len(line(run, 0.0, width=10)) == 10


def test_ten_thousand_jobs_cost_little():
    def lines(count):
        jobs = {n: Job(("r", str(n)), "r", needs=(n - 1,) if n % 3 else ()) for n in range(count)}
        durations = Durations()
        durations.add(("r", "0"), 5.0)
        run = Run(jobs, durations, cores=64)
        return lines_run(lambda: run.left(0.0))

    assert lines(10_000) < 10.5 * lines(1_000) < 500_000


@pytest.mark.parametrize("module", [durations, line_module, run])
def test_the_examples_are_right(module):
    found = doctest.testmod(module)
    assert found.attempted and not found.failed
