"""Anthropic's SDK for Python, unmodified, talks to `looms emulator`: as a Bedrock client and as a client of the API.

Proves both framings (AWS event stream behind SigV4, server-sent events behind an API key), whole and streamed, with the
SDK's own types and exceptions.
"""

import anthropic

import checks
import looms

QUERY = "Hello from the Anthropic SDK!"
API_MODEL = "claude-sonnet-5"
MESSAGES = [{"role": "user", "content": QUERY}]


def bedrock(secret=None):
    return anthropic.AnthropicBedrock(
        base_url=exports["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"],
        aws_access_key=exports["AWS_ACCESS_KEY_ID"],
        aws_secret_key=secret or exports["AWS_SECRET_ACCESS_KEY"],
        aws_region=exports["AWS_REGION"],
        max_retries=0,
    )


def api(key=None):
    url = exports["ANTHROPIC_BASE_URL"]
    return anthropic.Anthropic(base_url=url, api_key=key or exports["ANTHROPIC_API_KEY"], max_retries=0)


def answers(client, model):
    message = client.messages.create(model=model, max_tokens=512, messages=MESSAGES)
    assert message.type == "message" and message.stop_reason == "end_turn", message
    assert QUERY in message.content[0].text and "emulator" in message.content[0].text, message
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0, message
    return message


def streams(client, model):
    with client.messages.stream(model=model, max_tokens=512, messages=MESSAGES) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    assert len(pieces) > 1 and "".join(pieces) == message.content[0].text, (pieces, message)
    assert QUERY in message.content[0].text, message
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0, message
    return message


def bedrock_create_answers():
    answers(bedrock(), looms.PROFILE)


def bedrock_stream_gives_the_same_message():
    streamed = streams(bedrock(), looms.PROFILE)
    assert streamed.content[0].text == answers(bedrock(), looms.PROFILE).content[0].text, streamed


def bedrock_takes_an_arn():
    assert looms.ARN in answers(bedrock(), looms.ARN).content[0].text


def bedrock_refuses_a_wrong_secret():
    call = lambda: answers(bedrock(secret="wrong"), looms.PROFILE)
    error = checks.raises(anthropic.PermissionDeniedError, call)
    assert error.status_code == 403, error
    assert "signature" in str(error), error
    assert error.response.headers["x-amzn-errortype"].startswith("InvalidSignatureException"), error.response.headers


def the_api_create_answers():
    message = answers(api(), API_MODEL)
    assert message.model == API_MODEL, message


def the_api_stream_gives_the_same_message():
    streamed = streams(api(), API_MODEL)
    assert streamed.content[0].text == answers(api(), API_MODEL).content[0].text, streamed


def the_api_refuses_a_wrong_key():
    answers(api(), API_MODEL)
    error = checks.raises(anthropic.AuthenticationError, lambda: answers(api(key="wrong"), API_MODEL))
    assert error.body["error"]["type"] == "authentication_error", error.body
    assert error.request_id, error.response.headers


def the_api_refuses_a_bad_request():
    empty = lambda: api().messages.create(model=API_MODEL, max_tokens=16, messages=[])
    error = checks.raises(anthropic.BadRequestError, empty)
    assert error.body["error"]["type"] == "invalid_request_error", error.body


with looms.emulator() as exports:
    checks.run(
        bedrock_create_answers,
        bedrock_stream_gives_the_same_message,
        bedrock_takes_an_arn,
        bedrock_refuses_a_wrong_secret,
        the_api_create_answers,
        the_api_stream_gives_the_same_message,
        the_api_refuses_a_wrong_key,
        the_api_refuses_a_bad_request,
    )
