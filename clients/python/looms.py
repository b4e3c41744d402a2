"""Starts the product's own commands as a user would: `looms emulator`, `looms serve`, `looms weave`.

Each gets free ports of 127.0.0.1, a data folder of its own, and an environment without anything of this machine's user.
The binary is the one that `LOOMS` names, or else the debug build.
"""

import contextlib
import os
import re
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

BINARY = os.environ.get("LOOMS") or Path(__file__).parents[2] / "target/debug/looms"
START_SECONDS = 20
STOP_SECONDS = 10
WEAVE_SECONDS = 30

MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = f"us.{MODEL}"
ARN = f"arn:aws:bedrock:us-west-2:111122223333:inference-profile/{PROFILE}"

# What a client needs to be told.
EXPORTS = [
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_API_KEY",
]

# A user's own keys, profiles, proxies and settings are no part of what is checked.
for _name in list(os.environ):
    if _name.startswith(("AWS_", "LOOM_", "ANTHROPIC_")) or _name.lower().endswith("_proxy"):
        del os.environ[_name]
os.environ |= {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass
class Server:
    """A running `looms serve`, by its ports of 127.0.0.1."""

    grpc_port: int
    http_port: int

    @property
    def grpc(self):
        """Where gRPC clients connect."""
        return f"localhost:{self.grpc_port}"

    @property
    def http(self):
        """The URL that HTTP clients begin with."""
        return f"http://localhost:{self.http_port}"


@contextlib.contextmanager
def emulator():
    """Runs `looms emulator` and sets what it tells a user to export; gives that back as a mapping."""
    ready = [rf"^export {name}=\S+$" for name in EXPORTS]
    with _running(["emulator", "--port", "0"], "stdout", *ready) as lines:
        exports = dict(re.findall(r"^export (\w+)=(.*)$", "\n".join(lines), re.MULTILINE))
        os.environ |= exports
        yield exports


@contextlib.contextmanager
def serve(*flags, default_ports=False, env=None):
    """Runs `looms serve` with these flags, on free ports or on those of the documents."""
    ports = [] if default_ports else ["--port", "0", "--http-port", "0"]
    command = ["serve", *flags, *ports]
    with _running(command, "stderr", r"gRPC server listening", r"HTTP gateway listening", env=env) as lines:
        log = "\n".join(lines)
        grpc = re.search(r"gRPC server listening on \S*:(\d+)", log)
        http = re.search(r"HTTP gateway listening on \S*:(\d+)", log)
        yield Server(int(grpc[1]), int(http[1]))


def weave(*arguments, env=None):
    """Runs `looms weave` to its end."""
    with tempfile.TemporaryDirectory() as data:
        return subprocess.run(
            [BINARY, "weave", *arguments],
            env=os.environ | {"LOOM_DATA_DIR": data} | (env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WEAVE_SECONDS,
        )


@contextlib.contextmanager
def _running(arguments, stream, *ready, env=None):
    """Runs a command until the block ends; the block begins when every pattern of `ready` stands on `stream`."""
    with tempfile.TemporaryDirectory() as data:
        environment = os.environ | {"LOOM_DATA_DIR": data} | (env or {})
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [BINARY, *arguments]
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, text=True, **pipes)
        output = {name: _Lines(getattr(process, name)) for name in pipes}
        try:
            if not output[stream].wait_for(ready):
                seen = "\n".join(output["stdout"].lines + output["stderr"].lines)
                raise AssertionError(f"`looms {' '.join(arguments)}` is not ready (exit {process.poll()}): {seen}")
            yield output[stream].lines
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class _Lines:
    """Reads a pipe to its end in the background, so that it never fills, and keeps its lines."""

    def __init__(self, pipe):
        self.lines = []
        self._ended = False
        self._changed = threading.Condition()
        threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    def _read(self, pipe):
        for line in pipe:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, patterns):
        """Whether every pattern was seen before the process or the patience ended."""

        def seen():
            text = "\n".join(self.lines)
            return all(re.search(pattern, text, re.MULTILINE) for pattern in patterns)

        with self._changed:
            self._changed.wait_for(lambda: self._ended or seen(), START_SECONDS)
            return seen()
