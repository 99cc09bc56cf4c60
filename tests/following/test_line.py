"""The line of a real Snakemake run: on a terminal, in a pipe, beside a job that fails, and after Ctrl-C."""

import io
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.following.durations import Durations
from pipeline.following.line import RunLine
from pipeline.following.run import Job, Run
from pipeline.texts import read_end

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
# The workflow's own glue, on jobs that only wait.
SNAKEFILE = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
BENCHMARKS, BELOW, HERE = Path("benchmarks"), Path(), workflow.is_main_process
include: {str(ROOT / "rules" / "following.smk")!r}
onstart:
    follow_run()
rule all:
    input: expand("{{name}}.done", name=["a", "b", "c"])
rule work:
    output: "{{name}}.done"
    log: "logs/{{name}}.log"
    benchmark: "benchmarks/work/{{name}}.tsv"
    shell: "echo one > {{log}}; echo 'error: two words' >> {{log}}; sleep {{config[seconds]}}; "
        "test {{wildcards.name}} != {{config[failing]}} && touch {{output}}"
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    for name in ("a", "b", "c"):
        path = tmp_path / "benchmarks" / "work" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Three of them are four minutes, and stay so while half a minute passes.
        path.write_text("s\th:m:s\n80.0\t0:01:20\n")
    return tmp_path


def command(*options, seconds=0, failing="none"):
    return [
        *(sys.executable, "-m", "snakemake", "--cores", "1", *options),
        *("--config", f"seconds={seconds}", f"failing={failing}"),
    ]


def piped(project, *options, **settings):
    given = command(*options, **settings)
    done = subprocess.run(given, cwd=project, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stderr


def on_a_terminal(project, *options, act=None, **settings):
    """What a terminal is sent, and the exit status. act: what is done once something runs."""
    main, end = pty.openpty()
    process = subprocess.Popen(
        command(*options, **settings), cwd=project, stdin=end, stdout=end, stderr=end, start_new_session=True
    )
    os.close(end)
    sent = b""
    while True:
        try:
            read = os.read(main, 65536)
        except OSError:
            break
        if not read:
            break
        sent += read
        if act is not None and b"| work" in sent:
            act(process)
            act = None
    os.close(main)
    return process.wait(60), sent.decode()


def screen(sent):
    """The lines that are left on a terminal: what was written over, or wiped, is gone."""
    rows, column = [""], 0
    for piece in re.findall(r"\r|\n|\x1b\[K|[^\r\n\x1b]+", re.sub(r"\x1b\[\d*m", "", sent)):
        if piece == "\r":
            column = 0
        elif piece == "\n":
            rows.append("")
        elif piece == "\x1b[K":
            rows[-1] = rows[-1][:column]
        else:
            rows[-1] = rows[-1][:column] + piece + rows[-1][column + len(piece) :]
            column += len(piece)
    return rows


def test_a_terminal_has_one_line_that_rewrites_itself(project):
    status, sent = on_a_terminal(project, seconds=1)
    assert status == 0, sent
    drawn = [part.partition("\x1b[K")[0] for part in sent.split("\r")]
    assert any(re.fullmatch(r"0 of 4 jobs \| work \w \| about 4 min left", each) for each in drawn), drawn
    assert any(re.fullmatch(r"1 of 4 jobs \| work \w \| about \d (min|s) left", each) for each in drawn), drawn
    left = screen(sent)
    assert not [each for each in left if "|" in each and "jobs" in each], left  # none of them stays
    assert not re.search(r"Finished jobid|rule work|steps \(", sent)
    assert re.search(r"^4 of 4 jobs done in \d+ s$", "\n".join(left), re.MULTILINE)


def test_snakemakes_own_lines_are_in_its_log(project):
    piped(project)
    (log,) = (project / ".snakemake/log").glob("*.log")
    assert log.read_text().count("Finished jobid") == 4


def test_a_pipe_has_a_line_now_and_then(project):
    status, said = piped(project, seconds=1.2)
    assert status == 0, said
    lines = [each for each in said.splitlines() if re.match(r"\d of 4 jobs \|", each)]
    assert 1 <= len(lines) <= 3, said
    assert len(set(lines)) == len(lines)
    assert "\r" not in said and "\x1b[K" not in said
    assert said.splitlines()[-1].startswith("4 of 4 jobs done in")


def test_a_job_that_fails_is_shown_in_full(project):
    for status, said in (piped(project, failing="b"), on_a_terminal(project, failing="b")):
        text = "\n".join(screen(said))
        assert status == 1
        assert "Error in rule work:" in text and "logs/b.log (check log file(s) for error details)" in text
        assert text.count("logs/b.log ends with: error: two words") == 1
        assert "At least one job did not complete successfully" in text
        assert re.search(r"[0-2] of \d jobs done in \d+ s", text)


def test_nothing_to_do_is_said_and_no_line_shown(project):
    piped(project)
    status, said = piped(project)
    assert status == 0 and "Nothing to be done" in said
    assert "jobs" not in said.partition("Nothing to be done")[2]


@pytest.mark.parametrize("option", [["--printshellcmds"], ["--quiet", "progress"]])
def test_who_asks_for_more_or_less_gets_what_snakemake_says(project, option):
    status, said = piped(project, *option)
    assert status == 0 and not re.search(r"\d of \d jobs", said)
    assert "rule work:" in said  # as Snakemake has it


def test_ctrl_c_ends_it_as_before(project):
    pressed = []

    def press(process):
        # The line is drawn before the job's process is there: what Snakemake starts after the signal, it waits for.
        while process.poll() is None and not any((project / "logs").glob("*.log")):
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        pressed.append(time.monotonic())

    status, sent = on_a_terminal(project, act=press, seconds=90)
    assert status == 1 and time.monotonic() - pressed[0] < 60  # the job would take longer
    text = "\n".join(screen(sent))
    assert "Terminating processes on user request" in text and "Traceback" not in text
    assert "0 of 4 jobs done in" in text


def test_a_line_that_takes_long_is_drawn_less_often(monkeypatch, tmp_path):
    """Of tens of thousands of jobs what is left takes seconds to work out: not at every record."""
    drawn = []

    def slow(*given):
        drawn.append(given)
        time.sleep(0.06)
        return "x"

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("pipeline.following.line.line", slow)
    monkeypatch.setenv("TERM", "xterm")
    handler = RunLine(Run({1: Job(("a", "b"), "a b")}, Durations(), 1), Terminal(), tmp_path)
    for _ in range(20):
        handler.emit(logging.makeLogRecord({"event": "job_info", "jobid": 1}))
    handler.close()
    assert len(drawn) == 1


@pytest.mark.parametrize(
    "frame",
    ["╭─ Error ─╮\n│ No such option: -f {} │\n╰─────────╯\n", "+- Error -+\n| No such option: -f {} |\n+---------+\n"],
)
def test_of_an_error_in_a_frame_the_words_are_quoted(tmp_path, frame):
    """As typer draws it, in UTF-8 and in ASCII."""
    log, shown = tmp_path / "a.log", io.StringIO()
    log.write_text("Usage: avsd score\n" + frame.format(" " * 30), encoding="utf-8")
    handler = RunLine(Run({1: Job(("a", "b"), "a b")}, Durations(), 1), shown, tmp_path)
    handler.emit(logging.makeLogRecord({"event": "job_error", "jobid": 1, "log": [str(log)]}))
    handler.close()
    assert shown.getvalue().splitlines()[0] == f"{log} ends with: No such option: -f"


def test_a_log_that_cannot_be_read_is_passed_over(tmp_path, monkeypatch):
    """Root reads what nobody else may, so the refusal is made here."""
    logs, shown, original = [tmp_path / "a.log", tmp_path / "b.log"], io.StringIO(), read_end
    for log in logs:
        log.write_text("error: two words\n")

    def refused(path):
        if path == logs[0]:
            raise UserError(f"{path}: no permission to read it")
        return original(path)

    monkeypatch.setattr("pipeline.following.line.read_end", refused)
    handler = RunLine(Run({1: Job(("a", "b"), "a b")}, Durations(), 1), shown, tmp_path)
    handler.emit(logging.makeLogRecord({"event": "job_error", "jobid": 1, "log": [str(log) for log in logs]}))
    handler.close()
    assert shown.getvalue().splitlines()[0] == f"{logs[1]} ends with: error: two words"
