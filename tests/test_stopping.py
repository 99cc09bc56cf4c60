"""Signals end a command in good order, wherever they come."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
START = """
import os, signal, sys, time
from pathlib import Path
from pipeline import stopping
from pipeline.files import atomic_path
me = os.getpid()
with stopping.watched():
"""


def run(body: str, folder: Path, before: str = "") -> "subprocess.CompletedProcess[str]":
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = ["sh", "-c", f'{before} exec "$@"', "sh", sys.executable, "-c", START + lines]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_was_begun_is_taken_back(tmp_path, sent):
    done = run(f"with atomic_path(Path('a.txt')) as t:\n    os.kill(me, {sent:d})\n    time.sleep(30)", tmp_path)
    assert (done.returncode, done.stderr) == (128 + sent, f"stopped by {sent.name}\n")
    assert [*tmp_path.iterdir()] == []


def test_an_exception_lost_in_a_destructor_is_made_up_for(tmp_path):
    """As in a callback of a C library: Python prints what comes out of it, and goes on."""
    body = """
class Lost:
    def __del__(self):
        os.kill(me, signal.SIGTERM)
        time.sleep(0)
with atomic_path(Path('a.txt')) as t:
    Lost()
    print('went on', flush=True)
"""
    done = run(body, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (143, "went on\n", "stopped by SIGTERM\n")
    assert [*tmp_path.iterdir()] == []


def test_steps_that_belong_together_are_not_parted(tmp_path):
    body = """
with stopping.unbroken():
    os.kill(me, signal.SIGTERM)
    time.sleep(0.01)
    print('both', flush=True)
print('not here')
"""
    done = run(body, tmp_path)
    assert (done.returncode, done.stdout) == (143, "both\n")


def test_a_second_signal_does_not_keep_the_file(tmp_path):
    body = """
real = Path.unlink
def twice(path, **options):
    os.kill(me, signal.SIGINT)
    real(path, **options)
Path.unlink = twice
with atomic_path(Path('a.txt')) as t:
    os.kill(me, signal.SIGTERM)
    time.sleep(30)
"""
    assert run(body, tmp_path).returncode in (130, 143)
    assert [*tmp_path.iterdir()] == []


def test_ignored_signals_stay_ignored_and_children_end_as_they_did(tmp_path):
    body = """
os.kill(me, signal.SIGHUP)
child = os.fork()
if not child:
    time.sleep(30)
time.sleep(0.05)
os.kill(child, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = run(body, tmp_path, before="trap '' HUP;")
    assert (done.returncode, done.stdout, done.stderr) == (0, "-15\n", "")


def test_children_that_are_not_told_of_ctrl_c_can_still_be_ended(tmp_path):
    body = """
import subprocess
with stopping.children_not_told():
    child = subprocess.Popen(['sh', '-c', 'echo ready; exec sleep 30'], stdout=subprocess.PIPE)
child.stdout.readline()
os.kill(child.pid, signal.SIGINT)
time.sleep(0.1)
print(child.poll(), flush=True)
child.terminate()
print(child.wait(), flush=True)
os.kill(me, signal.SIGINT)
time.sleep(30)
"""
    done = run(body, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (130, "None\n-15\n", "stopped by SIGINT\n")
