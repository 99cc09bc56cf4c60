"""Snakemake's command line with stand-ins for an S3 storage (moto, in this process) and for Kubernetes' server.

python clouds.py FOLDER ARGUMENT ...: what lies in FOLDER/bucket is in the bucket `avsd` at first, and at the end all of
it lies there; the jobs that the server was asked to start, each of which fails at once, are in FOLDER/pods.json.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import yaml
from moto import mock_aws


class Server(BaseHTTPRequestHandler):
    """Takes jobs and secrets; there are no pods."""

    started: list = []  # noqa: RUF012

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/jobs"):
            self.started.append(body)
        self.answer(201, body)

    def do_GET(self):
        self.answer(200, {"items": []} if self.path.split("?")[0].endswith("/pods") else {"status": {"failed": 1}})

    def do_DELETE(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(200, {})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments):
        pass


def kubernetes(folder):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    content = {
        "clusters": [cluster],
        "contexts": [context],
        "users": [{"name": "u", "user": {}}],
        "current-context": "x",
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(content))
    os.environ["KUBECONFIG"] = str(folder / "kubeconfig")


def main():
    folder = Path(sys.argv[1])
    bucket = folder / "bucket"
    kubernetes(folder)
    os.environ.update(SNAKEMAKE_STORAGE_S3_ACCESS_KEY="made", SNAKEMAKE_STORAGE_S3_SECRET_KEY="up")
    os.environ.update(AWS_ACCESS_KEY_ID="made", AWS_SECRET_ACCESS_KEY="up", AWS_DEFAULT_REGION="us-east-1")
    status = 0
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="avsd")
        for path in sorted(path for path in bucket.rglob("*") if path.is_file()):
            s3.put_object(Bucket="avsd", Key=path.relative_to(bucket).as_posix(), Body=path.read_bytes())
        from snakemake.cli import main as snakemake

        try:
            snakemake(sys.argv[2:])
        except SystemExit as end:
            status = end.code
        for item in s3.list_objects_v2(Bucket="avsd").get("Contents", []):
            path = bucket / item["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(s3.get_object(Bucket="avsd", Key=item["Key"])["Body"].read())
    (folder / "pods.json").write_text(json.dumps(Server.started))
    sys.exit(status)


if __name__ == "__main__":
    main()
