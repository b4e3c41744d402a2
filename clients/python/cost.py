"""With 12 input and 20 output tokens a turn costs 0.000336 US dollars, and HTTP and the command line print just that.

The answer comes from a Bedrock of our own, whose usage is given; the model id is the reference's, sent as it stands.
The JSON is compared as text: 0.00033600000000000004 would be wrong.
"""

import json
import re
import urllib.request

import bedrock
import checks
import looms

KEYS = {"AWS_REGION": "us-west-2", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
QUERY = {"query": "Hello from Bedrock!"}


def exact(text):
    costs = re.findall(r'"costUsd":\s*([^,\s}]+)', text)
    assert costs == ["0.000336"], text
    totals = re.findall(r'"totalCostUsd":\s*([^,\s}]+)', text)
    assert totals == ["0.000336"], text


def upstream_saw_the_configured_id():
    post("/v1/weave")
    assert looms.MODEL.replace(":", "%3A") in upstream.requests[0].target, upstream.requests[0].target


def http_prints_it_exactly():
    exact(post("/v1/weave"))


def http_has_the_fields_of_the_reference():
    answer = json.loads(post("/v1/weave"))
    assert answer["text"] == upstream.text, answer
    assert answer["sessionId"].startswith("sess_"), answer
    llm = answer["cost"]["llmCost"]
    assert (llm["provider"], llm["model"]) == ("bedrock", looms.MODEL), llm
    assert (llm["inputTokens"], llm["outputTokens"]) == (12, 20), llm


def server_sent_events_end_with_it():
    last = post("/v1/weave:stream").strip().split("\n\n")[-1]
    assert "EXECUTION_STAGE_COMPLETED" in last, last
    exact(last)


def the_command_line_prints_it_exactly():
    with bedrock.serving() as own:
        done = looms.weave(QUERY["query"], "--json", "--bedrock-endpoint-url", own.url, env=KEYS)
    assert done.returncode == 0, done.stderr
    exact(done.stdout)
    assert "0.000336" in done.stderr and "12" in done.stderr and "20" in done.stderr, done.stderr


def the_session_adds_it_up():
    session = json.loads(post("/v1/weave"))["sessionId"]
    post("/v1/weave", session_id=session)
    with urllib.request.urlopen(f"{server.http}/v1/sessions/{session}", timeout=20) as answer:
        text = answer.read().decode()
    assert re.search(r'"totalCostUsd":\s*0\.000672[,\s}]', text), text


def post(path, **fields):
    return checks.post(server.http + path, QUERY | fields)


with bedrock.serving(input_tokens=12, output_tokens=20) as upstream:
    with looms.serve("--bedrock-endpoint-url", upstream.url, env=KEYS) as server:
        checks.run(
            upstream_saw_the_configured_id,
            http_prints_it_exactly,
            http_has_the_fields_of_the_reference,
            server_sent_events_end_with_it,
            the_command_line_prints_it_exactly,
            the_session_adds_it_up,
        )
