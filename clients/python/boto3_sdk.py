"""boto3, unmodified, talks to `looms emulator` with nothing but what the emulator tells a user to export.

Proves that the emulator speaks Bedrock's runtime as AWS's own SDK for Python expects it: answers, streams, model ids of
every shape, and refusals that botocore raises under AWS's names.
"""

import json

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import checks
import looms

QUERY = "Hello from boto3!"


def client(**keys):
    return boto3.client("bedrock-runtime", config=Config(retries={"total_max_attempts": 1}), **keys)


def body(**changes):
    request = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 512,
        "messages": [{"role": "user", "content": QUERY}],
    } | changes
    return json.dumps({name: value for name, value in request.items() if value is not None})


def invoke(model=looms.PROFILE, **changes):
    answer = client().invoke_model(modelId=model, body=body(**changes))
    return answer, json.loads(answer["body"].read())


def stream(model=looms.PROFILE):
    answer = client().invoke_model_with_response_stream(modelId=model, body=body())
    assert answer["contentType"] == "application/json", answer["contentType"]
    return [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]


def text_of(events):
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    return "".join(delta["text"] for delta in deltas)


def refusal(call, code, status):
    error = checks.raises(ClientError, call).response
    assert error["Error"]["Code"] == code, error
    assert error["ResponseMetadata"]["HTTPStatusCode"] == status, error
    assert error["ResponseMetadata"]["RequestId"], error
    return error["Error"]["Message"]


def invoke_model_answers_with_a_message():
    answer, message = invoke()
    assert answer["contentType"] == "application/json", answer["contentType"]
    assert answer["ResponseMetadata"]["RequestId"], answer
    assert message["type"] == "message" and message["role"] == "assistant", message
    assert QUERY in message["content"][0]["text"], message
    assert message["usage"]["input_tokens"] > 0 and message["usage"]["output_tokens"] > 0, message


def the_answer_says_that_it_is_emulated():
    _, message = invoke()
    assert "emulator" in message["content"][0]["text"], message


def a_streamed_message_is_the_unary_one():
    events = stream()
    _, message = invoke()
    assert text_of(events) == message["content"][0]["text"], events
    assert events[0]["type"] == "message_start" and events[-1]["type"] == "message_stop", events
    assert events[-2]["type"] == "message_delta" and events[-2]["delta"]["stop_reason"] == "end_turn", events


def the_last_chunk_carries_the_invocation_metrics():
    events = stream()
    metrics = events[-1]["amazon-bedrock-invocationMetrics"]
    start = next(event for event in events if event["type"] == "message_start")
    end = next(event for event in events if event["type"] == "message_delta")
    assert metrics["inputTokenCount"] == start["message"]["usage"]["input_tokens"], metrics
    assert metrics["outputTokenCount"] == end["usage"]["output_tokens"], metrics
    assert metrics["invocationLatency"] >= 0 and metrics["firstByteLatency"] >= 0, metrics


def every_shape_of_model_id_arrives_as_it_was_sent():
    for model in [looms.MODEL, looms.PROFILE, looms.ARN]:
        _, message = invoke(model)
        assert f"`{model}`" in message["content"][0]["text"], (model, message)
        assert f"`{model}`" in text_of(stream(model)), model


def earlier_messages_are_quoted():
    turns = [
        {"role": "user", "content": "My name is Ada."},
        {"role": "assistant", "content": [{"type": "text", "text": "Noted."}]},
        {"role": "user", "content": "Who am I?"},
    ]
    text = invoke(messages=turns)[1]["content"][0]["text"]
    assert "My name is Ada." in text and "Who am I?" in text, text


def a_wrong_secret_is_refused():
    forged = client(aws_access_key_id=exports["AWS_ACCESS_KEY_ID"], aws_secret_access_key="wrong")
    for call in [forged.invoke_model, forged.invoke_model_with_response_stream]:
        message = refusal(lambda: call(modelId=looms.PROFILE, body=body()), "InvalidSignatureException", 403)
        assert message.startswith("The request signature we calculated does not match"), message


def an_unknown_key_is_refused():
    stranger = client(aws_access_key_id="AKIAUNKNOWN", aws_secret_access_key=exports["AWS_SECRET_ACCESS_KEY"])
    refused = lambda: stranger.invoke_model(modelId=looms.PROFILE, body=body())
    message = refusal(refused, "UnrecognizedClientException", 403)
    assert message.startswith("The security token included in the request is invalid"), message


def a_missing_field_is_a_validation_exception_that_names_it():
    for missing in ["max_tokens", "messages", "anthropic_version"]:
        message = refusal(lambda: invoke(**{missing: None}), "ValidationException", 400)
        assert missing in message, message


def the_validation_exception_is_the_modelled_one():
    modelled = client().exceptions.ValidationException
    checks.raises(modelled, lambda: invoke(max_tokens=None))


with looms.emulator() as exports:
    checks.run(
        invoke_model_answers_with_a_message,
        the_answer_says_that_it_is_emulated,
        a_streamed_message_is_the_unary_one,
        the_last_chunk_carries_the_invocation_metrics,
        every_shape_of_model_id_arrives_as_it_was_sent,
        earlier_messages_are_quoted,
        a_wrong_secret_is_refused,
        an_unknown_key_is_refused,
        a_missing_field_is_a_validation_exception_that_names_it,
        the_validation_exception_is_the_modelled_one,
    )
