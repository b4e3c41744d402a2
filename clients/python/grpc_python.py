"""grpcio with messages made at run time from reflection: every RPC, every owner, deadlines, health, keepalive.

Proves that a client with no generated code can use the whole service, and that errors carry `google.rpc.ErrorInfo` in
the form that grpc's own library decodes.
"""

import contextlib
import threading

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

import bedrock
import checks
import looms

SERVICE = "loom.v1.LoomService"
QUERY = "Hello from grpcio!"
PATIENCE = 30
CALLERS = 64
KEYS = {"AWS_REGION": "us-west-2", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


class Client:
    """The service over one channel, its methods and messages as reflection describes them."""

    def __init__(self, address, *options):
        self.channel = grpc.insecure_channel(address, options=options)
        self.reflection = ProtoReflectionDescriptorDatabase(self.channel)
        self.service = DescriptorPool(self.reflection).FindServiceByName(SERVICE)

    def method(self, name):
        """The callable of an RPC."""
        method = self.service.methods_by_name[name]
        make = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
        encode = GetMessageClass(method.input_type).SerializeToString
        decode = GetMessageClass(method.output_type).FromString
        return make(f"/{SERVICE}/{name}", request_serializer=encode, response_deserializer=decode)

    def call(self, rpc, /, user=None, timeout=PATIENCE, **fields):
        """The answer to an RPC; a list of them if it streams."""
        method = self.service.methods_by_name[rpc]
        request = GetMessageClass(method.input_type)(**fields)
        metadata = [("x-user-id", user)] if user else []
        answer = self.method(rpc)(request, timeout=timeout, metadata=metadata)
        return list(answer) if method.server_streaming else answer


@contextlib.contextmanager
def held(*options):
    """A client of a server whose Bedrock says nothing until the client's `release` is set, or the block ends."""
    with bedrock.serving(hold=threading.Event()) as upstream:
        with looms.serve("--bedrock-endpoint-url", upstream.url, env=KEYS) as server:
            slow = Client(server.grpc, *options)
            slow.release = upstream.hold
            yield slow
            slow.release.set()


def refused(code, reason, call):
    """The error of a call whose code, and whose reason in the details, are as they should be."""
    error = checks.raises(grpc.RpcError, call)
    assert error.code() == code, (error.code(), error.details())
    status = rpc_status.from_call(error)
    assert status is not None, f"no details with {error.details()!r}"
    info = ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details), status
    assert (info.reason, info.domain) == (reason, "loom"), info
    return error


def reflection_lists_the_services():
    services = client.reflection.get_services()
    assert {SERVICE, "grpc.health.v1.Health"} <= set(services), services


def weave_answers():
    answer = client.call("Weave", query=QUERY)
    assert QUERY in answer.text and answer.session_id.startswith("sess_"), answer
    llm = answer.cost.llm_cost
    assert (llm.provider, llm.model) == ("bedrock", looms.MODEL), llm
    assert llm.total_tokens == llm.input_tokens + llm.output_tokens and llm.cost_usd > 0, llm
    assert answer.agent_id == "default", answer


def stream_weave_grows_to_completed():
    events = client.call("StreamWeave", query=QUERY)
    stages = client.service.file.pool.FindEnumTypeByName("loom.v1.ExecutionStage").values_by_name
    last = events[-1]
    assert last.stage == stages["EXECUTION_STAGE_COMPLETED"].number and last.progress == 100, last
    contents = [event.partial_content for event in events]
    assert all(later.startswith(earlier) for earlier, later in zip(contents, contents[1:])), contents
    assert last.partial_result.type == "text" and last.partial_result.data_json == contents[-1], last
    assert QUERY in contents[-1] and last.cost.llm_cost.cost_usd > 0, last
    assert events[0].is_token_stream and len(events) > 1, events


def a_session_remembers_earlier_turns():
    session = client.call("Weave", query="My name is Ada.").session_id
    answer = client.call("Weave", query="Who am I?", session_id=session)
    assert answer.session_id == session and "My name is Ada." in answer.text, answer
    fresh = client.call("Weave", query="And now?", session_id=session, reset_context=True)
    assert "My name is Ada." not in fresh.text, fresh


def a_session_lives_from_create_to_delete():
    created = client.call("CreateSession", name="mine", metadata={"team": "blue"})
    assert created.state == "active" and created.metadata["team"] == "blue", created
    for query in ["one", "two"]:
        client.call("Weave", query=query, session_id=created.id)
    session = client.call("GetSession", session_id=created.id)
    assert session.name == "mine" and session.total_cost_usd > 0, session
    history = client.call("GetConversationHistory", session_id=created.id)
    assert [message.role for message in history.messages] == ["user", "assistant"] * 2, history
    assert [message.content for message in history.messages][::2] == ["one", "two"], history
    listed = client.call("ListSessions", limit=500)
    assert listed.sessions[0].id == created.id and listed.total_count == len(listed.sessions), listed
    assert client.call("DeleteSession", session_id=created.id).success
    assert created.id not in [entry.id for entry in client.call("ListSessions", limit=500).sessions]
    unknown_to(None, created.id)


def unknown_to(user, session):
    for rpc in ["GetSession", "GetConversationHistory", "DeleteSession"]:
        call = lambda: client.call(rpc, user=user, session_id=session)
        refused(grpc.StatusCode.NOT_FOUND, "session_not_found", call)


def a_session_is_its_owners():
    session = client.call("Weave", user="ada", query=QUERY).session_id
    unknown_to("bob", session)
    unknown_to(None, session)
    assert client.call("ListSessions", user="bob").total_count == 0
    assert client.call("GetSession", user="ada", session_id=session).id == session


def an_unused_id_makes_that_session():
    answer = client.call("Weave", query=QUERY, session_id="my-own-id")
    assert answer.session_id == "my-own-id", answer
    assert client.call("GetSession", session_id="my-own-id").id == "my-own-id"


def bad_requests_are_invalid_arguments():
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    refused(invalid, "invalid_request", lambda: client.call("Weave", query=""))
    refused(invalid, "invalid_request", lambda: client.call("StreamWeave", query=" \n"))
    refused(invalid, "invalid_request", lambda: client.call("Weave", query=QUERY, timeout_seconds=-1))


def a_message_too_long_is_refused():
    long = "x" * 40_000_000
    refused(grpc.StatusCode.INVALID_ARGUMENT, "invalid_request", lambda: client.call("Weave", query=long))


def an_rpc_that_is_not_served_is_unimplemented():
    rpc = client.channel.unary_unary(f"/{SERVICE}/GetTrace")
    refused(grpc.StatusCode.UNIMPLEMENTED, "unsupported", lambda: rpc(b"", timeout=PATIENCE))


def bytes_that_are_no_message_are_refused():
    rpc = client.channel.unary_unary(f"/{SERVICE}/Weave")
    refused(grpc.StatusCode.INVALID_ARGUMENT, "invalid_request", lambda: rpc(b"\xff\xff\xff", timeout=PATIENCE))


def timeout_seconds_ends_in_deadline_exceeded_with_details():
    with held() as slow:
        for rpc in ["Weave", "StreamWeave"]:
            call = lambda: slow.call(rpc, query=QUERY, timeout_seconds=1)
            refused(grpc.StatusCode.DEADLINE_EXCEEDED, "timeout", call)


def the_callers_own_deadline_ends_in_deadline_exceeded():
    with held() as slow:
        for rpc in ["Weave", "StreamWeave"]:
            error = checks.raises(grpc.RpcError, lambda: slow.call(rpc, query=QUERY, timeout=0.5))
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error


def keepalive_pings_do_not_end_a_slow_call():
    options = [
        ("grpc.keepalive_time_ms", 1000),
        ("grpc.keepalive_timeout_ms", 1000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    with held(*options) as slow:
        threading.Timer(4, slow.release.set).start()
        assert slow.call("Weave", query=QUERY).text == bedrock.Bedrock.text


def health_is_serving():
    health = health_pb2_grpc.HealthStub(client.channel)
    for service in ["", SERVICE]:
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING, (service, answer)
    watch = health.Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=PATIENCE)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()


def many_callers_at_once_all_get_their_answers():
    weave, request = client.method("Weave"), GetMessageClass(client.service.methods_by_name["Weave"].input_type)
    calls = [weave.future(request(query=f"caller {at}."), timeout=PATIENCE) for at in range(CALLERS)]
    answers = [call.result() for call in calls]
    assert all(f"caller {at}." in answer.text for at, answer in enumerate(answers)), answers
    assert len({answer.session_id for answer in answers}) == CALLERS, answers


with looms.serve("--emulator") as server:
    client = Client(server.grpc)
    checks.run(
        reflection_lists_the_services,
        weave_answers,
        stream_weave_grows_to_completed,
        a_session_remembers_earlier_turns,
        a_session_lives_from_create_to_delete,
        a_session_is_its_owners,
        an_unused_id_makes_that_session,
        bad_requests_are_invalid_arguments,
        a_message_too_long_is_refused,
        an_rpc_that_is_not_served_is_unimplemented,
        bytes_that_are_no_message_are_refused,
        timeout_seconds_ends_in_deadline_exceeded_with_details,
        the_callers_own_deadline_ends_in_deadline_exceeded,
        keepalive_pings_do_not_end_a_slow_call,
        health_is_serving,
        many_callers_at_once_all_get_their_answers,
    )
