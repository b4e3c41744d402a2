"""A Bedrock of our own, built from AWS's documents alone: answers with given usage and keeps every request it gets.

Frames are put together by hand, so that neither the product nor its emulator can vouch for themselves here.
"""

import base64
import binascii
import contextlib
import json
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# How often the server looks whether it should end.
POLL_SECONDS = 0.02


@dataclass
class Request:
    """A request as it arrived; `target` is the request line's path, not decoded."""

    method: str
    target: str
    headers: dict
    body: bytes


@dataclass
class Bedrock:
    """What it answers, and what it was asked. With `hold` it sends no event until that is set."""

    text: str = "Hello! I'm a recording."
    input_tokens: int = 12
    output_tokens: int = 20
    hold: threading.Event | None = None
    requests: list = field(default_factory=list)
    url: str = ""

    def events(self):
        """The answer as the events of Anthropic's stream; the last one carries Bedrock's own metrics."""
        message = {
            "id": "msg_bdrk_recorded",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5-20250929",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": self.input_tokens, "output_tokens": 1},
        }
        metrics = {
            "inputTokenCount": self.input_tokens,
            "outputTokenCount": self.output_tokens,
            "invocationLatency": 900,
            "firstByteLatency": 300,
        }
        yield {"type": "message_start", "message": message}
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        for word in self.text.split(" "):
            text = word if word == self.text.split(" ")[0] else f" {word}"
            yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        yield {"type": "content_block_stop", "index": 0}
        end = {"stop_reason": "end_turn", "stop_sequence": None}
        yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": self.output_tokens}}
        yield {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}


def frame(event):
    """One frame of the AWS event stream: lengths, their CRC, headers, payload, the CRC of all of it."""
    wrapped = {"bytes": base64.b64encode(json.dumps(event).encode()).decode(), "p": "abcdefgh"}
    payload = json.dumps(wrapped).encode()
    headers = b"".join(
        _header(name, value)
        for name, value in [
            (":event-type", "chunk"),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ]
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", binascii.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", binascii.crc32(message))


def _header(name, value):
    string_type = 7
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", string_type, len(value)) + value.encode()


@contextlib.contextmanager
def serving(**answer):
    """Serves a [`Bedrock`] on a free port."""
    bedrock = Bedrock(**answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            bedrock.requests.append(Request(self.command, self.path, headers, body))
            self.send_response(200)
            self.send_header("content-type", "application/vnd.amazon.eventstream")
            self.send_header("x-amzn-requestid", "00000000-0000-4000-8000-000000000000")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            if bedrock.hold:
                bedrock.hold.wait(60)
            with contextlib.suppress(ConnectionError):
                for event in bedrock.events():
                    self._chunk(frame(event))
                self._chunk(b"")

        def _chunk(self, data):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    bedrock.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
    try:
        yield bedrock
    finally:
        if bedrock.hold:
            bedrock.hold.set()
        server.shutdown()
        server.server_close()
