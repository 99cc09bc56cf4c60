"""Runs commands of the package one after another, each in a fork of a process that has imported what they need.

A line of JSON comes in for each (arguments, folder, output files, seconds allowed), one goes out (status, wall and
processor seconds, peak memory of the command and its children). Its own arguments are modules to import.
"""

import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback


def become(task):
    os.setsid()
    os.chdir(task["folder"])
    os.environ.update(task["environment"])
    for number, name in enumerate(("/dev/null", task["out"], task["err"])):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(name, flags, 0o666), number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in enumerate("rww"))
    for signum, limit in ((resource.RLIMIT_FSIZE, task["file_bytes"]), (resource.RLIMIT_AS, task["address_bytes"])):
        if limit is not None:
            resource.setrlimit(signum, (limit, limit))
    sys.argv = task["arguments"]
    module, function = task["entry"].split(":")
    getattr(importlib.import_module(module), function)()


def run(task):
    begun = time.monotonic()
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
        if time.monotonic() - begun > task["seconds"]:
            os.killpg(pid, signal.SIGKILL)
            _, _, used = os.wait4(pid, 0)
            status = None
            break
        time.sleep(0.005)
    return {
        "status": None if status is None else os.waitstatus_to_exitcode(status),
        "wall": time.monotonic() - begun,
        "processor": used.ru_utime + used.ru_stime,
        "memory": used.ru_maxrss * 1024,
    }


if __name__ == "__main__":
    for name in sys.argv[1:]:
        importlib.import_module(name)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
