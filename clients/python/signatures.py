"""botocore's signer verifies what the product signs: every request of `looms weave` and `looms serve`.

Each request is recorded by a Bedrock of our own and signed once more, by `botocore.auth.SigV4Auth` with the same date:
the two `Authorization` headers must agree. And boto3 is sent to the same place, so that ids are encoded as AWS's own
SDK encodes them.
"""

import hashlib
import json
import re

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

import bedrock
import checks
import looms

KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE//////////token+with/every=sign=="
REGION = "eu-central-1"
QUERY = "Sign this: zażółć gęślą jaźń, 你好, \"quotes\""


def environment(**changes):
    names = {"region": "AWS_REGION", "token": "AWS_SESSION_TOKEN"}
    extra = {names[name]: value for name, value in changes.items()}
    return {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET} | extra


def weave(model, *flags, prefix="", query=QUERY, **changes):
    """The one request that `looms weave` makes, after an answer that was priced and printed."""
    with bedrock.serving() as upstream:
        flags = ["--bedrock-endpoint-url", upstream.url + prefix, "--bedrock-model-id", model, *flags]
        done = looms.weave(query, *flags, env=environment(**changes))
        assert done.returncode == 0 and done.stdout.strip() == upstream.text, (done.stdout, done.stderr)
        assert len(upstream.requests) == 1, [request.target for request in upstream.requests]
        return upstream.requests[0], upstream.url


def verify(request, url, token=None, region=REGION):
    """Signs `request` again and compares; gives back the names of the headers that were signed."""
    scheme, fields = request.headers["authorization"].split(" ", 1)
    assert scheme == "AWS4-HMAC-SHA256", scheme
    fields = dict(re.findall(r"(\w+)=([^,\s]+)", fields))
    signed = fields["SignedHeaders"].split(";")
    timestamp = request.headers["x-amz-date"]
    assert request.headers["host"] == url.removeprefix("http://"), request.headers

    headers = {name: request.headers[name] for name in signed}
    again = AWSRequest(request.method, url + request.target, data=request.body, headers=headers)
    again.context["timestamp"] = timestamp
    signer = SigV4Auth(Credentials(KEY_ID, SECRET, token), "bedrock", region)
    canonical = signer.canonical_request(again)
    assert canonical.endswith(hashlib.sha256(request.body).hexdigest()), canonical
    assert fields["Credential"] == f"{KEY_ID}/{timestamp[:8]}/{region}/bedrock/aws4_request", fields
    assert fields["SignedHeaders"] == signer.signed_headers(signer.headers_to_sign(again)), fields
    assert fields["Signature"] == signer.signature(signer.string_to_sign(again, canonical), again), canonical
    assert {"host", "x-amz-date", "content-type"} <= set(signed), signed
    return signed


def botocore_target(model):
    """The path that boto3 asks for."""
    with bedrock.serving() as upstream:
        client = boto3.client(
            "bedrock-runtime",
            endpoint_url=upstream.url,
            region_name=REGION,
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
            config=Config(retries={"total_max_attempts": 1}),
        )
        client.invoke_model_with_response_stream(modelId=model, body="{}")
        return upstream.requests[0].target


def signed_alike(model):
    request, url = weave(model)
    signed = verify(request, url)
    assert "x-amz-security-token" not in signed, signed
    assert request.target == botocore_target(model), request.target


def a_plain_id():
    signed_alike("anthropic.claude-instant")


def an_id_with_a_colon():
    signed_alike(looms.PROFILE)


def an_arn_with_slashes():
    signed_alike(looms.ARN)


def an_application_profile_arn():
    signed_alike("arn:aws:bedrock:eu-central-1:111122223333:application-inference-profile/a1b2c3d4e5f6")


def a_session_token_from_the_environment():
    request, url = weave(looms.PROFILE, token=TOKEN)
    signed = verify(request, url, TOKEN)
    assert "x-amz-security-token" in signed, signed
    assert request.headers["x-amz-security-token"] == TOKEN, request.headers


def keys_from_flags():
    flags = ["--bedrock-access-key", KEY_ID, "--bedrock-secret-key", SECRET, "--bedrock-session-token", TOKEN]
    with bedrock.serving() as upstream:
        endpoint = ["--bedrock-endpoint-url", upstream.url, "--bedrock-region", REGION]
        done = looms.weave(QUERY, *endpoint, *flags)
        assert done.returncode == 0, done.stderr
        assert SECRET not in done.stderr + done.stdout and TOKEN not in done.stderr + done.stdout, "a secret is shown"
        verify(upstream.requests[0], upstream.url, TOKEN)


def another_region():
    request, url = weave(looms.PROFILE, region="ap-northeast-1")
    verify(request, url, region="ap-northeast-1")


def an_endpoint_below_a_path():
    request, url = weave(looms.ARN, prefix="/gateway/v1")
    assert request.target.startswith("/gateway/v1/model/"), request.target
    verify(request, url)


def a_long_body():
    request, url = weave(looms.PROFILE, query="long " * 20_000)
    assert len(request.body) > 100_000, len(request.body)
    verify(request, url)


def the_endpoint_from_the_environment():
    with bedrock.serving() as upstream:
        done = looms.weave(QUERY, env=environment() | {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": upstream.url})
        assert done.returncode == 0, done.stderr
        verify(upstream.requests[0], upstream.url)


def the_body_is_a_messages_request_without_what_the_path_says():
    request, _ = weave(looms.PROFILE, "--temperature", "0", "--max-tokens", "77")
    body = json.loads(request.body)
    assert body["anthropic_version"] == "bedrock-2023-05-31", body
    assert body["temperature"] == 0 and body["max_tokens"] == 77, body
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": QUERY}]}], body
    assert "model" not in body and "stream" not in body, body
    assert request.headers["content-type"] == "application/json", request.headers


def a_unary_request_where_streaming_is_denied():
    with bedrock.serving(deny_stream=True) as upstream:
        done = looms.weave(QUERY, "--bedrock-endpoint-url", upstream.url, env=environment())
        assert done.returncode == 0 and done.stdout.strip() == upstream.text, (done.stdout, done.stderr)
    verbs = [request.target.rsplit("/", 1)[1] for request in upstream.requests]
    assert verbs == ["invoke-with-response-stream", "invoke"], verbs
    for request in upstream.requests:
        verify(request, upstream.url)


def every_request_of_a_server_on_one_connection():
    with bedrock.serving() as upstream:
        with looms.serve("--bedrock-endpoint-url", upstream.url, env=environment(token=TOKEN)) as server:
            for _ in range(5):
                checks.post(f"{server.http}/v1/weave", {"query": QUERY})
        assert len(upstream.requests) == 5, len(upstream.requests)
        for request in upstream.requests:
            verify(request, upstream.url, TOKEN)


checks.run(
    a_plain_id,
    an_id_with_a_colon,
    an_arn_with_slashes,
    an_application_profile_arn,
    a_session_token_from_the_environment,
    keys_from_flags,
    another_region,
    an_endpoint_below_a_path,
    a_long_body,
    the_endpoint_from_the_environment,
    the_body_is_a_messages_request_without_what_the_path_says,
    a_unary_request_where_streaming_is_denied,
    every_request_of_a_server_on_one_connection,
)
