"""curl speaks JSON over HTTP: one answer, a stream of events, and every kind of bad request.

Proves that each refusal has its HTTP status and a `google.rpc.Status` as its body whose `ErrorInfo` names the reason.
"""

import json
import subprocess

import checks
import looms

QUERY = {"query": "Hello from curl!"}
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
STATUS_MARK = "\n%{http_code} %{content_type}"


def curl(path, *flags, data=None, content_type="application/json", http=None):
    """The status, the content type and the body of the answer."""
    body = [] if data is None else ["--header", f"content-type: {content_type}", "--data-binary", "@-"]
    command = ["curl", "--silent", "--show-error", "--no-buffer", "--write-out", STATUS_MARK]
    url = (http or server.http) + path
    text = data if isinstance(data, str) else json.dumps(data)
    done = subprocess.run([*command, *flags, *body, url], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answer, _, mark = done.stdout.rpartition("\n")
    status, _, kind = mark.partition(" ")
    return int(status), kind, answer


def refused(status, reason, path, *flags, **options):
    """The message of a refusal, whose status, body and reason are as they should be."""
    got, kind, text = curl(path, *flags, **options)
    assert (got, kind) == (status, "application/json"), (got, kind, text)
    body = json.loads(text)
    infos = [detail for detail in body["details"] if detail["@type"] == ERROR_INFO]
    assert [(info["reason"], info["domain"]) for info in infos] == [(reason, "loom")], body
    assert body["code"] > 0 and body["message"], body
    return body["message"]


def weave_answers():
    status, kind, text = curl("/v1/weave", data=QUERY)
    answer = json.loads(text)
    assert (status, kind) == (200, "application/json"), (status, kind)
    assert QUERY["query"] in answer["text"] and answer["sessionId"].startswith("sess_"), answer
    assert answer["cost"]["llmCost"]["costUsd"] > 0, answer


def the_stream_is_server_sent_events_up_to_completed():
    status, kind, text = curl("/v1/weave:stream", data=QUERY)
    assert (status, kind.split(";")[0]) == (200, "text/event-stream"), (status, kind)
    assert all(line == "" or line.startswith("data: ") for line in text.split("\n")), text
    events = [json.loads(line.removeprefix("data: ")) for line in text.split("\n") if line]
    assert events[-1]["stage"] == "EXECUTION_STAGE_COMPLETED", events
    assert QUERY["query"] in events[-1]["partialContent"], events
    contents = [event.get("partialContent", "") for event in events]
    assert all(later.startswith(earlier) for earlier, later in zip(contents, contents[1:])), contents


def both_spellings_of_a_field_are_taken():
    session = json.loads(curl("/v1/weave", data=QUERY)[2])["sessionId"]
    for name in ["session_id", "sessionId"]:
        answer = json.loads(curl("/v1/weave", data={"query": "Again", name: session})[2])
        assert answer["sessionId"] == session, answer


def a_session_lives_from_post_to_delete():
    session = json.loads(curl("/v1/sessions", data={"name": "from curl"})[2])["id"]
    assert json.loads(curl(f"/v1/sessions/{session}")[2])["name"] == "from curl"
    curl("/v1/weave", data=QUERY | {"sessionId": session})
    history = json.loads(curl(f"/v1/sessions/{session}/history")[2])
    assert [message["role"] for message in history["messages"]] == ["user", "assistant"], history
    listed = json.loads(curl("/v1/sessions?limit=500")[2])
    assert session in [entry["id"] for entry in listed["sessions"]], listed
    assert json.loads(curl(f"/v1/sessions/{session}", "--request", "DELETE")[2])["success"] is True
    refused(404, "session_not_found", f"/v1/sessions/{session}")


def health_is_healthy():
    assert curl("/health")[::2] == (200, '{"status":"healthy"}')


def an_empty_query_is_refused():
    assert "query" in refused(400, "invalid_request", "/v1/weave", data={"query": ""})
    assert "query" in refused(400, "invalid_request", "/v1/weave:stream", data={})


def an_unknown_field_is_named():
    assert "qeury" in refused(400, "invalid_request", "/v1/weave", data={"qeury": "Hello"})


def garbage_is_no_json():
    for garbage in ["{", "[]", "\0", "null", '{"query": 1}', '{"query": "a"} {}', "hello", ""]:
        refused(400, "invalid_request", "/v1/weave", data=garbage)


def deep_nesting_is_refused():
    refused(400, "invalid_request", "/v1/weave", data="[" * 100_000)


def a_foreign_host_is_refused():
    for path, data in [("/health", None), ("/v1/weave", QUERY)]:
        message = refused(403, "forbidden", path, "--header", "host: evil.example", data=data)
        assert "evil.example" in message, message


def a_foreign_origin_is_refused():
    refused(403, "forbidden", "/v1/weave", "--header", "origin: https://evil.example", data=QUERY)


def an_unknown_session_is_not_found():
    for path, flags in [("", []), ("/history", []), ("", ["--request", "DELETE"])]:
        message = refused(404, "session_not_found", f"/v1/sessions/sess_nobody{path}", *flags)
        assert "sess_nobody" in message, message


def an_unknown_path_is_not_found():
    refused(404, "not_found", "/v1/nothing")


def another_method_is_refused():
    refused(405, "unsupported", "/v1/weave", "--request", "PUT", data=QUERY)


def another_content_type_is_refused():
    for kind in ["text/plain", "application/x-www-form-urlencoded"]:
        refused(415, "unsupported", "/v1/weave", data=QUERY, content_type=kind)


def a_body_too_long_is_refused():
    refused(413, "invalid_request", "/v1/weave", data=json.dumps({"query": "x" * 40_000_000}))


def a_session_is_its_owners():
    mine = json.loads(curl("/v1/weave", "--header", "x-user-id: ada", data=QUERY)[2])["sessionId"]
    refused(404, "session_not_found", f"/v1/sessions/{mine}", "--header", "x-user-id: bob")
    assert json.loads(curl(f"/v1/sessions/{mine}", "--header", "x-user-id: ada")[2])["id"] == mine


def http_2_by_prior_knowledge_works():
    status, _, text = curl("/v1/weave", "--http2-prior-knowledge", data=QUERY)
    assert status == 200 and QUERY["query"] in text, (status, text)


def wrong_credentials_are_named_as_such():
    with looms.emulator() as exports:
        with looms.serve(env=exports | {"AWS_SECRET_ACCESS_KEY": "wrong"}) as wrong:
            refused(401, "credentials_not_loaded", "/v1/weave", data=QUERY, http=wrong.http)
            refused(401, "credentials_not_loaded", "/v1/weave:stream", data=QUERY, http=wrong.http)


def a_server_without_credentials_starts_and_says_so():
    nothing = {name: "" for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]}
    with looms.serve(env=nothing) as bare:
        assert curl("/health", http=bare.http)[0] == 200
        refused(401, "credentials_not_loaded", "/v1/weave", data=QUERY, http=bare.http)


def an_unreachable_bedrock_is_unavailable():
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    with looms.serve("--bedrock-endpoint-url", "http://127.0.0.1:1", env=keys) as cut_off:
        refused(503, "service_unavailable", "/v1/weave", data=QUERY, http=cut_off.http)


with looms.serve("--emulator") as server:
    checks.run(
        weave_answers,
        the_stream_is_server_sent_events_up_to_completed,
        both_spellings_of_a_field_are_taken,
        a_session_lives_from_post_to_delete,
        health_is_healthy,
        an_empty_query_is_refused,
        an_unknown_field_is_named,
        garbage_is_no_json,
        deep_nesting_is_refused,
        a_foreign_host_is_refused,
        a_foreign_origin_is_refused,
        an_unknown_session_is_not_found,
        an_unknown_path_is_not_found,
        another_method_is_refused,
        another_content_type_is_refused,
        a_body_too_long_is_refused,
        a_session_is_its_owners,
        http_2_by_prior_knowledge_works,
        wrong_credentials_are_named_as_such,
        a_server_without_credentials_starts_and_says_so,
        an_unreachable_bedrock_is_unavailable,
    )
