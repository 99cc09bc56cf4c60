"""Runs commands of the package one after another, each in a fork of a process that has imported what they need.

A line of JSON comes in for each (arguments, folder, output files, seconds allowed, the signal that ends it then), one
goes out (status, wall and processor seconds, peak memory of the command and its children, processes it left). Its own
arguments are modules to import.
"""

import ctypes
import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path

LEAVING = 20.0
"""Seconds that a command which was told to end, and then what it started, may take to."""


def become(task):
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore
    os.chdir(task["folder"])
    os.environ.update(task["environment"])
    for number, name in enumerate(("/dev/null", task["out"], task["err"])):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(name, flags, 0o666), number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in enumerate("rww"))
    if task["unprivileged"]:
        respect_permissions()
    address_bytes = task["address_bytes"]
    if task["room_bytes"] is not None:
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        address_bytes = mapped + task["room_bytes"]
    for signum, limit in ((resource.RLIMIT_FSIZE, task["file_bytes"]), (resource.RLIMIT_AS, address_bytes)):
        if limit is not None:
            resource.setrlimit(signum, (limit, limit))
    sys.argv = task["arguments"]
    module, function = task["entry"].split(":")
    getattr(importlib.import_module(module), function)()


def respect_permissions():
    """Without root's rights to read and write what nobody may, here and in what is started from here."""
    system, rights = ctypes.CDLL(None), (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    for right in rights:
        system.prctl(24, right)  # PR_CAPBSET_DROP
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    system.capget(header, sets)
    for kind in (0, 1):  # effective, permitted
        sets[kind] &= ~sum(1 << right for right in rights)
    system.capset(header, sets)


def session(leader):
    """The living processes of a session, as texts."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, number = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(number) == leader and state not in "ZX":
                said = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append(f"{folder.name} {said}")
        except OSError:
            continue
    return found


def end_by(pid, number, alone):
    """Send a signal to a command, or to all of its session."""
    try:
        (os.kill if alone else os.killpg)(pid, number)
    except ProcessLookupError:  # it has not begun one yet
        os.kill(pid, number)


def run(task):
    begun = time.monotonic()
    ending = [(task["seconds"], task["ended_by"]), (task["seconds"] + LEAVING, signal.SIGKILL)]
    pid = os.fork()
    if pid == 0:
        status = 0
        try:
            become(task)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
        except BaseException:
            traceback.print_exc()
            status = 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    while True:
        done, status, used = os.wait4(pid, os.WNOHANG)
        if done:
            break
        if ending and time.monotonic() - begun > ending[0][0]:
            end_by(pid, ending.pop(0)[1], task["alone"])
        time.sleep(0.005)
    end = time.monotonic()
    left = session(pid) if len(ending) < 2 else []
    while left and time.monotonic() - end < LEAVING:
        time.sleep(0.05)
        left = session(pid)
    status = os.waitstatus_to_exitcode(status)
    return {
        "status": None if status == -signal.SIGKILL and len(ending) < 2 else status,
        "left": left,
        "wall": end - begun,
        "processor": used.ru_utime + used.ru_stime,
        "memory": used.ru_maxrss * 1024,
    }


if __name__ == "__main__":
    for name in sys.argv[1:]:
        importlib.import_module(name)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
