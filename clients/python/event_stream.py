"""botocore's event-stream decoder reads the emulator's raw frames, however the bytes are split.

Proves the frames themselves (lengths, headers, both CRCs) byte by byte, below the SDK's conveniences; the request is
signed by botocore's signer and sent with Python's own HTTP client.
"""

import base64
import http.client
import json
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer

import checks
import looms


def raw_stream():
    """The body of a streamed answer, and its headers."""
    url = f"{exports['AWS_ENDPOINT_URL_BEDROCK_RUNTIME']}/model/{quote(looms.ARN, safe='')}/invoke-with-response-stream"
    messages = [{"role": "user", "content": "Hi"}]
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64, "messages": messages}
    request = AWSRequest("POST", url, data=json.dumps(body), headers={"content-type": "application/json"})
    keys = Credentials(exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(keys, "bedrock", exports["AWS_REGION"]).add_auth(request)
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    connection.request("POST", parts.path, body=request.body, headers=dict(request.headers))
    response = connection.getresponse()
    return response.status, dict(response.getheaders()), response.read()


def decode(data, size):
    """The messages that botocore finds in `data`, fed in pieces of `size` bytes."""
    buffer = EventStreamBuffer()
    messages = []
    for start in range(0, len(data), size):
        buffer.add_data(data[start : start + size])
        messages += [message.to_response_dict() for message in buffer]
    return messages


def events(messages):
    return [json.loads(base64.b64decode(json.loads(message["body"])["bytes"])) for message in messages]


def the_response_is_an_event_stream():
    assert status == 200, (status, data)
    fields = {name.lower(): value for name, value in headers.items()}
    assert fields["content-type"] == "application/vnd.amazon.eventstream", fields
    assert fields["x-amzn-bedrock-content-type"] == "application/json", fields
    assert fields["x-amzn-requestid"], fields


def every_frame_is_a_chunk_with_valid_checksums():
    messages = decode(data, len(data))
    assert len(messages) > 5, messages
    for message in messages:
        assert message["headers"] == {
            ":event-type": "chunk",
            ":content-type": "application/json",
            ":message-type": "event",
        }, message


def any_split_of_the_bytes_gives_the_same_events():
    whole = events(decode(data, len(data)))
    assert whole[0]["type"] == "message_start" and whole[-1]["type"] == "message_stop", whole
    for size in [1, 7, 16, 1000]:
        assert events(decode(data, size)) == whole, size


def no_byte_is_left_over():
    total = 0
    while total < len(data):
        total += int.from_bytes(data[total : total + 4], "big")
    assert total == len(data), (total, len(data))


with looms.emulator() as exports:
    status, headers, data = raw_stream()
    checks.run(
        the_response_is_an_event_stream,
        every_frame_is_a_chunk_with_valid_checksums,
        any_split_of_the_bytes_gives_the_same_events,
        no_byte_is_left_over,
    )
