"""A Bedrock of our own, built from AWS's documents alone: answers with given usage and keeps every request it gets.

Frames are put together by hand, so that neither the product nor its emulator can vouch for themselves here.
"""

import base64
import binascii
import contextlib
import json
import re
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# How often the server looks whether it should end.
POLL_SECONDS = 0.02
# Longer than any check waits.
MAX_HOLD_SECONDS = 60
REQUEST_ID = "00000000-0000-4000-8000-000000000000"
DENIED = (
    "User: arn:aws:iam::111122223333:user/looms is not authorized to perform: "
    "bedrock:InvokeModelWithResponseStream on resource: "
    "arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0 "
    "because no identity-based policy allows the bedrock:InvokeModelWithResponseStream action"
)


@dataclass
class Request:
    """A request as it arrived; `target` is the request line's path, not decoded."""

    method: str
    target: str
    headers: dict
    body: bytes


@dataclass
class Bedrock:
    """What it answers, and what it was asked.

    With `hold` it sends no event until that is set; with `deny_stream` its policy allows unary answers alone.
    """

    text: str = "Hello! I'm a recording."
    input_tokens: int = 12
    output_tokens: int = 20
    hold: threading.Event | None = None
    deny_stream: bool = False
    requests: list = field(default_factory=list)
    url: str = ""

    def message(self):
        """The answer in one piece."""
        return {
            "id": "msg_bdrk_recorded",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5-20250929",
            "content": [{"type": "text", "text": self.text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens},
        }

    def events(self):
        """The answer as the events of Anthropic's stream; the last one carries Bedrock's own metrics."""
        usage = {"input_tokens": self.input_tokens, "output_tokens": 1}
        empty = {"content": [], "stop_reason": None, "usage": usage}
        yield {"type": "message_start", "message": self.message() | empty}
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        for piece in re.findall(r"\s*\S+", self.text):
            yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        yield {"type": "content_block_stop", "index": 0}
        end = {"stop_reason": "end_turn", "stop_sequence": None}
        yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": self.output_tokens}}
        metrics = {
            "inputTokenCount": self.input_tokens,
            "outputTokenCount": self.output_tokens,
            "invocationLatency": 900,
            "firstByteLatency": 300,
        }
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
            if not self.path.endswith("/invoke-with-response-stream"):
                self._whole(200, bedrock.message())
            elif bedrock.deny_stream:
                self._whole(403, {"message": DENIED}, ("x-amzn-errortype", "AccessDeniedException"))
            else:
                self._stream()

        def _whole(self, status, answer, *headers):
            body = json.dumps(answer).encode()
            self._head(status, ("content-type", "application/json"), ("content-length", str(len(body))), *headers)
            self.wfile.write(body)

        def _stream(self):
            self._head(200, ("content-type", "application/vnd.amazon.eventstream"), ("transfer-encoding", "chunked"))
            if bedrock.hold:
                bedrock.hold.wait(MAX_HOLD_SECONDS)
            with contextlib.suppress(ConnectionError):
                for event in bedrock.events():
                    self._chunk(frame(event))
                self._chunk(b"")

        def _head(self, status, *headers):
            self.send_response(status)
            for name, value in [*headers, ("x-amzn-requestid", REQUEST_ID)]:
                self.send_header(name, value)
            self.end_headers()

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
