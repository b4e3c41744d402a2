"""grpcurl runs the reference's Step 4 as it is written, and whatever else it can with reflection alone.

Proves that a Go client finds service, messages and their comments by reflection, and that the JSON it prints has the
reference's names and figures. The default ports are used if they are free.
"""

import json
import re
import socket
import subprocess

import bedrock
import checks
import looms

STEP_4 = {"query": "Hello from Bedrock!"}
SERVICE = "loom.v1.LoomService"
DEFAULT_PORTS = (50051, 8080)


def grpcurl(*arguments, request=None, address=None):
    data = [] if request is None else ["-d", json.dumps(request)]
    command = ["grpcurl", "-plaintext", *data, address or server.grpc, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def output(*arguments, **options):
    done = grpcurl(*arguments, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def step_4_of_the_reference_answers():
    answer = json.loads(output(f"{SERVICE}/Weave", request=STEP_4))
    assert STEP_4["query"] in answer["text"] and "emulator" in answer["text"], answer
    assert answer["sessionId"].startswith("sess_"), answer
    llm = answer["cost"]["llmCost"]
    assert llm["provider"] == "bedrock" and llm["model"] == looms.MODEL, llm
    assert llm["inputTokens"] > 0 and llm["outputTokens"] > 0, llm
    assert abs(llm["costUsd"] - (3 * llm["inputTokens"] + 15 * llm["outputTokens"]) / 1e6) < 1e-12, llm
    return "" if on_default_ports else f"on port {server.grpc_port}: {DEFAULT_PORTS} are not both free"


def the_stream_ends_with_completed():
    events = checks.objects(output(f"{SERVICE}/StreamWeave", request=STEP_4))
    last = events[-1]
    assert last["stage"] == "EXECUTION_STAGE_COMPLETED" and last["progress"] == 100, events
    assert last["partialResult"]["type"] == "text", last
    assert last["partialResult"]["dataJson"] == last["partialContent"], last
    assert last["cost"]["llmCost"]["costUsd"] > 0, last
    assert events[0]["stage"] == "EXECUTION_STAGE_LLM_GENERATION", events


def list_shows_the_services():
    services = output("list").split()
    for service in [
        SERVICE,
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    ]:
        assert service in services, services


def describe_shows_comments_and_http_rules():
    service = output("describe", SERVICE)
    assert 'post: "/v1/weave:stream"' in service, service
    for rpc in re.findall(r"(.*)\n  rpc (\w+)", service):
        assert rpc[0].strip().startswith("//"), rpc
    message = output("describe", "loom.v1.WeaveRequest")
    assert re.search(r"//.*\n  string query = 1;", message), message


def sessions_are_kept():
    session = json.loads(output(f"{SERVICE}/Weave", request=STEP_4))["sessionId"]
    again = json.loads(output(f"{SERVICE}/Weave", request={"query": "And now?", "session_id": session}))
    assert again["sessionId"] == session and STEP_4["query"] in again["text"], again
    history = json.loads(output(f"{SERVICE}/GetConversationHistory", request={"sessionId": session}))
    assert [message["role"] for message in history["messages"]] == ["user", "assistant"] * 2, history


def an_empty_query_is_an_invalid_argument():
    done = grpcurl(f"{SERVICE}/Weave", request={"query": ""})
    assert done.returncode != 0 and "Code: InvalidArgument" in done.stderr, done.stderr
    assert "google.rpc.ErrorInfo" in done.stderr, done.stderr


def the_health_service_says_serving():
    assert json.loads(output("grpc.health.v1.Health/Check")) == {"status": "SERVING"}


def twelve_and_twenty_tokens_cost_0_000336():
    keys = {"AWS_REGION": "us-west-2", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    with bedrock.serving(input_tokens=12, output_tokens=20) as upstream:
        with looms.serve("--bedrock-endpoint-url", upstream.url, env=keys) as priced:
            text = output(f"{SERVICE}/Weave", request=STEP_4, address=priced.grpc)
    assert re.search(r'"costUsd": 0\.000336[,\s]', text), text


on_default_ports = all(free(port) for port in DEFAULT_PORTS)
with looms.serve("--emulator", default_ports=on_default_ports) as server:
    checks.run(
        step_4_of_the_reference_answers,
        the_stream_ends_with_completed,
        list_shows_the_services,
        describe_shows_comments_and_http_rules,
        sessions_are_kept,
        an_empty_query_is_an_invalid_argument,
        the_health_service_says_serving,
        twelve_and_twenty_tokens_cost_0_000336,
    )
