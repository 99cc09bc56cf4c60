"""`avsd web` as a command: what it imports, where it listens, how it ends."""

import json
import socket
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import UserError


def test_only_this_command_imports_gradio():
    """The command line, the configuration and `avsd ask` are as light as they were."""
    names = "pipeline.cli, pipeline.config, pipeline.asking.command, pipeline.web.work"
    code = f"import sys, {names}; print(sorted({{'gradio', 'fastapi', 'PIL.Image'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "gradio" not in done.stdout
    assert "fastapi" not in done.stdout


def test_this_machine_alone_unless_told_otherwise(monkeypatch):
    """What the command hands on, as given and by default."""
    called = []
    monkeypatch.setattr("pipeline.web.server.serve", lambda config, *rest: called.append(rest))
    runner = CliRunner()
    for arguments in ([], ["--host", "0.0.0.0", "--port", "8000", "--upload-mib", "3", "--cache-mib", "0"]):
        assert runner.invoke(app, ["web", "-c", "{}", *arguments]).exit_code == 0
    assert called == [("127.0.0.1", 7860, 500, 1000), ("0.0.0.0", 8000, 3, 0)]


def test_no_system(tmp_path):
    """One line, before anything is served."""
    result = CliRunner().invoke(app, ["web", "-c", json.dumps({"results": str(tmp_path)})])
    assert isinstance(result.exception, UserError)
    assert "no trained system of the configuration fits" in str(result.exception)


def test_a_port_that_is_taken(served, tmp_path):
    """One line that says what to do; the server that has the port is left alone."""
    port = served.address.rstrip("/").rpartition(":")[2]
    config = Path(served.log.parent / "config.json")
    command = [sys.executable, "-m", "pipeline", "web", "-c", str(config), "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=None)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert f"port {port} of 127.0.0.1 cannot be had" in line and "--port" in line
    assert "Traceback" not in done.stderr
    with socket.create_connection(("127.0.0.1", int(port))):
        pass


def test_it_listens_on_this_machine_alone(served):
    listening = {one.laddr.ip for one in served.process.net_connections() if one.status == "LISTEN"}
    assert listening == {"127.0.0.1"}
