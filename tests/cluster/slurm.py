"""A Slurm of three nodes on this machine, brought up for a test and ended after it: Debian's packages, no database.

Nodes are several slurmd of one machine. Their GPUs are links to /dev/null, which Slurm gives out as generic resources:
a job sees which ones it has in CUDA_VISIBLE_DEVICES. No cgroups are needed: processes are followed through /proc
(proctrack/linuxproc), bound to nothing (task/none), and a job that takes more memory than it asked for is found by
looking every second (jobacct_gather/linux, OverMemoryKill). Slurm itself is as on a cluster.
"""

import contextlib
import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil

DAEMONS = ("munged", "slurmctld", "slurmd")
PACKAGES = "slurmctld slurmd slurm-client munge"
SECONDS = 60
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=defer,sched_interval=1,batch_sched_delay=0
SchedulerType=sched/backfill
GresTypes=gpu
ReturnToService=2
MpiDefault=none
KillWait=5
MinJobAge=3600
NodeName=cpu1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[0]} CPUs=4 RealMemory=16000
NodeName=gpu1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4 RealMemory=16000 Gres=gpu:made_up:2
NodeName=gpu2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4 RealMemory=16000 Gres=gpu:made_up:2
PartitionName=cpu Nodes=cpu1 Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=gpu[1-2] MaxTime=INFINITE State=UP
"""
NODES = ("cpu1", "gpu1", "gpu2")
SAVING = 15
"""Seconds after which a controller has surely saved a change."""


class Slurm:
    """The daemons, as children of this process; `environment` leads commands to them."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}
        # The plugin's job step drops all variables of Slurm's, this one, which no cluster needs, included.
        self.environment["PATH"] = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        # The node names are no hosts: processes of several nodes meet at this address.
        self.environment["MASTER_ADDR"] = "127.0.0.1"
        self._running = {}

    def start(self):
        missing = [name for name in DAEMONS if shutil.which(name, path=self._path()) is None]
        assert not missing, f"{', '.join(missing)} not found: apt-get install {PACKAGES}"
        for name in ("bin", "state", "spool", *(f"spool/{node}" for node in NODES)):
            (self.folder / name).mkdir()
        self._configure()
        srun = self.folder / "bin" / "srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
        srun.chmod(0o755)
        key, log = self.folder / "munge.key", self.folder / "munge.log"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        munge = ["--foreground", "--force", f"--key-file={key}", f"--socket={self.folder}/munge.socket"]
        munge += [f"--log-file={log}", f"--pid-file={self.folder}/munge.pid", f"--seed-file={self.folder}/munge.seed"]
        self._start("munged", *munge)
        self._wait((self.folder / "munge.socket").exists, "munged")
        self.start_controller()
        for node in NODES:
            self._start("slurmd", "-D", "-N", node, name=node)
        self._wait(self._all_idle, "the nodes")

    def start_controller(self):
        self._start("slurmctld", "-D")
        self._wait(lambda: self("scontrol", "ping", check=False).returncode == 0, "slurmctld")

    def kill_controller(self):
        """Kill it as soon as it has saved what it knows now: it does so seconds later, and forgets a job until then."""
        now, saved = time.time(), self.folder / "state" / "job_state"
        # Where it has done so between the job's start and now, nothing is saved any more.
        self._wait(lambda: time.time() > now + SAVING or saved.stat().st_mtime > now, "the controller to save its jobs")
        self._end("slurmctld", signal.SIGKILL)

    def stop(self):
        if "slurmctld" in self._running:
            self("scancel", "--full", "--user", getpass.getuser(), check=False)
            self._wait(lambda: not self("squeue", "--noheader").stdout.strip(), "the jobs to end")
        for name in reversed(list(self._running)):
            self._end(name, signal.SIGTERM)

    def __call__(self, *command, check=True):
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert not check or done.returncode == 0, (command, done.stdout, done.stderr)
        return done

    def jobs(self):
        """All jobs since the controller first started that it still knows, as Slurm describes them, in their order."""
        found = [
            dict(part.partition("=")[::2] for part in line.split())
            for line in self("scontrol", "--oneliner", "show", "jobs").stdout.splitlines()
            if line.startswith("JobId=")
        ]
        return sorted(found, key=lambda job: int(job["JobId"]))

    def processes(self, job):
        """Those of a job that train, as psutil has them."""
        marked = {"SLURM_JOB_ID": job, "SLURM_CONF": self.environment["SLURM_CONF"]}
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if marked.items() <= process.environ().items() and "pipeline" in process.cmdline():
                    found.append(process)
        return found

    def _configure(self):
        host, user = socket.gethostname().split(".")[0], getpass.getuser()
        controller, *ports = _free_ports(1 + len(NODES))
        text = CONFIGURATION.format(host=host, user=user, folder=self.folder, controller=controller, ports=ports)
        (self.folder / "slurm.conf").write_text(text)
        lines = []
        for node in NODES[1:]:
            for index in range(2):
                (self.folder / f"{node}.gpu{index}").symlink_to("/dev/null")
            lines.append(f"NodeName={node} Name=gpu Type=made_up File={self.folder}/{node}.gpu[0-1]")
        (self.folder / "gres.conf").write_text("\n".join(lines) + "\n")

    def _all_idle(self):
        states = self("sinfo", "--noheader", "--Node", "--format=%T", check=False).stdout.split()
        return states == ["idle"] * len(NODES)

    def _start(self, command, *arguments, name=None):
        with (self.folder / f"{name or command}.out").open("ab") as out:
            path = shutil.which(command, path=self._path())
            self._running[name or command] = subprocess.Popen(
                [path, *arguments], env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def _end(self, name, number):
        process = self._running.pop(name)
        process.send_signal(number)
        process.wait(timeout=SECONDS)

    def _wait(self, done, what):
        begun = time.monotonic()
        while not done():
            ended = [name for name, process in self._running.items() if process.poll() is not None]
            late = time.monotonic() - begun > SECONDS
            assert not ended and not late, f"waiting for {what}; ended: {ended}\n{self._said()}"
            time.sleep(0.2)

    def _said(self):
        return json.dumps({path.name: path.read_text()[-2000:] for path in self.folder.glob("*.out")}, indent=1)

    @staticmethod
    def _path():
        return os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
