"""`buf curl`, which knows nothing of the contract but what reflection tells it, runs Weave and StreamWeave over h2c.

Proves both versions of the reflection service (buf can be held to either), and gRPC without TLS by prior knowledge.
"""

import json
import subprocess

import checks
import looms

QUERY = {"query": "Hello from buf!"}
REFLECTION = ["grpc-v1", "grpc-v1alpha"]


def buf(target, *flags, request=None):
    data = [] if request is None else ["--data", json.dumps(request)]
    url = f"http://{server.grpc}{target}"
    protocol = ["--protocol", "grpc", "--http2-prior-knowledge"]
    command = ["buf", "curl", *protocol, *flags, *data, url]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def output(target, *flags, request=None):
    done = buf(target, *flags, request=request)
    assert done.returncode == 0, done.stderr
    return done.stdout


def weave_answers_by_either_reflection():
    for version in REFLECTION:
        answer = json.loads(output("/loom.v1.LoomService/Weave", "--reflect-protocol", version, request=QUERY))
        assert QUERY["query"] in answer["text"], answer
        assert answer["sessionId"].startswith("sess_"), answer
        assert answer["cost"]["llmCost"]["costUsd"] > 0, answer


def stream_weave_ends_with_completed_by_either_reflection():
    for version in REFLECTION:
        text = output("/loom.v1.LoomService/StreamWeave", "--reflect-protocol", version, request=QUERY)
        events = checks.objects(text)
        assert events[-1]["stage"] == "EXECUTION_STAGE_COMPLETED", events
        assert QUERY["query"] in events[-1]["partialResult"]["dataJson"], events


def every_method_is_listed():
    methods = output("", "--list-methods").split()
    for method in ["Weave", "StreamWeave", "CreateSession", "GetSession", "ListSessions", "DeleteSession"]:
        assert f"loom.v1.LoomService/{method}" in methods, methods
    assert "loom.v1.LoomService/GetConversationHistory" in methods, methods


def an_empty_query_is_an_invalid_argument():
    done = buf("/loom.v1.LoomService/Weave", request={"query": ""})
    error = json.loads(done.stderr)
    assert done.returncode != 0 and error["code"] == "invalid_argument", error
    assert [detail["type"] for detail in error["details"]] == ["google.rpc.ErrorInfo"], error


with looms.serve("--emulator") as server:
    checks.run(
        weave_answers_by_either_reflection,
        stream_weave_ends_with_completed_by_either_reflection,
        every_method_is_listed,
        an_empty_query_is_an_invalid_argument,
    )
