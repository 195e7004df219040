"""What a client may send by mistake or on purpose. Each gets its status; the server goes on serving."""

import math

import grpc
import pytest
from google.rpc import error_details_pb2

from test_streams import error_details

import serving

GOOD = {"text": "x", "temperature": 0, "max_tokens": 2}

# Flat options of ServiceClient.request, and the field that the answer must name.
INVALID = [
    ({"text": ""}, "text"),
    ({"text": None}, "prompt"),
    ({"text": "word " * 9000}, "text"),
    ({"text": "a" * (1 << 20) + "b"}, "text"),
    ({"temperature": math.nan}, "sampling.temperature"),
    ({"temperature": -1.0}, "sampling.temperature"),
    ({"temperature": math.inf}, "sampling.temperature"),
    ({"temperature": 101.0}, "sampling.temperature"),
    ({"top_k": -1}, "sampling.top_k"),
    ({"top_p": 0.0}, "sampling.top_p"),
    ({"top_p": 1.5}, "sampling.top_p"),
    ({"top_p": math.nan}, "sampling.top_p"),
    ({"min_p": -0.1}, "sampling.min_p"),
    ({"min_p": 1.1}, "sampling.min_p"),
    ({"min_p": math.nan}, "sampling.min_p"),
    ({"max_tokens": 0}, "stopping.max_tokens"),
    ({"max_tokens": -5}, "stopping.max_tokens"),
    ({"max_tokens": 2**31 - 1}, "stopping.max_tokens"),
    ({"max_tokens": 8192}, "stopping.max_tokens"),
    ({"stop": [""]}, "stopping.stop[0]"),
    ({"stop": ["ok", "x" * 257]}, "stopping.stop[1]"),
    ({"stop": ["s"] * 17}, "stopping.stop"),
    ({"stop_ids": [1] * 65}, "stopping.stop_ids"),
    ({"stop_ids": [49152]}, "stopping.stop_ids[0]"),
    ({"stop_ids": [-1]}, "stopping.stop_ids[0]"),
    ({"method": "forest"}, "speculation.method"),
    ({"method": ""}, "speculation.method"),
    ({"lookahead": -1}, "speculation.lookahead"),
    ({"lookahead": 9}, "speculation.lookahead"),
    ({"request_id": "two words"}, "request_id"),
    ({"request_id": "x" * 129}, "request_id"),
]


def violated_fields(client, request):
    """The fields that Generate and Complete name, which must agree."""
    named = []
    for call in (
        lambda: list(client.generate(request, timeout=serving.HANG_SECONDS)),
        lambda: client.complete(request, timeout=serving.HANG_SECONDS),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            call()
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        bad_request = error_details(caught.value, error_details_pb2.BadRequest)
        named.append([violation.field for violation in bad_request.field_violations])
        assert all(violation.description for violation in bad_request.field_violations)
    assert named[0] == named[1]
    return named[0]


@pytest.fixture(autouse=True)
def still_serves(client):
    """After each test: a good request gets an answer."""
    yield
    result = client.stream(client.request(**GOOD), timeout=serving.HANG_SECONDS)
    assert result.code == grpc.StatusCode.OK and result.token_ids, result.details


@pytest.mark.parametrize("change, field", INVALID, ids=lambda value: str(value)[:40])
def test_a_bad_value_is_refused_by_its_field(client, change, field):
    assert violated_fields(client, client.request(**{**GOOD, **change})) == [field]


def test_every_bad_field_is_named(client):
    request = client.request(
        "", temperature=-1.0, top_p=2.0, min_p=7.0, max_tokens=0, method="magic", lookahead=99
    )
    assert set(violated_fields(client, request)) == {
        "text",
        "sampling.temperature",
        "sampling.top_p",
        "sampling.min_p",
        "stopping.max_tokens",
        "speculation.method",
        "speculation.lookahead",
    }


@pytest.mark.parametrize(
    "ids, field",
    [
        ([], "token_ids.ids"),
        ([49152], "token_ids.ids[0]"),
        ([5, -1], "token_ids.ids[1]"),
        ([2**31 - 1], "token_ids.ids[0]"),
        ([-(2**31)], "token_ids.ids[0]"),
        ([7] * 8192, "token_ids.ids"),
    ],
    ids=["none", "vocabulary", "negative", "largest", "smallest", "context"],
)
def test_bad_token_ids_are_refused(client, pb, ids, field):
    request = client.request(token_ids=pb.TokenIds(ids=ids), temperature=0, max_tokens=1)
    assert violated_fields(client, request) == [field]


@pytest.mark.parametrize(
    "messages, field",
    [
        ([], "chat.messages"),
        ([("wizard", "hi")], "chat.messages[0].role"),
        ([("user", "hi"), ("", "x")], "chat.messages[1].role"),
    ],
    ids=["none", "role", "no role"],
)
def test_bad_chats_are_refused(client, pb, messages, field):
    chat = pb.Chat(messages=[pb.ChatMessage(role=role, content=content) for role, content in messages])
    assert violated_fields(client, client.request(chat=chat, temperature=0, max_tokens=1)) == [field]


def raw_call(client, method, data):
    call = client.channel.unary_unary(
        f"/pass_server.v1.PassService/{method}", lambda value: value, lambda value: value
    )
    with pytest.raises(grpc.RpcError) as caught:
        call(data, timeout=serving.HANG_SECONDS)
    return caught.value


def test_bytes_that_are_no_message_are_refused(client):
    for method in ("Complete", "Tokenize", "Detokenize"):
        assert raw_call(client, method, b"\xff" * 40).code() != grpc.StatusCode.UNAVAILABLE


def test_text_that_is_no_utf8_is_refused(client):
    assert raw_call(client, "Complete", b"\x1a\x02\xc3\x28").code() != grpc.StatusCode.UNAVAILABLE


def test_a_field_of_a_newer_api_is_refused_by_its_number(client):
    request = client.request(**GOOD).SerializeToString() + b"\xc0\x3e\x01"  # field 1000, varint 1
    error = raw_call(client, "Complete", request)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and "#1000" in error.details()


def test_a_message_beyond_the_size_limit_is_refused(client):
    result = client.stream(client.request("y" * (5 << 20)))
    assert result.code == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_another_model_is_not_found(client):
    assert client.stream(client.request(model="gpt-2", **GOOD)).code == grpc.StatusCode.NOT_FOUND


def test_an_unknown_method_is_unimplemented(client):
    assert raw_call(client, "Train", b"").code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_request_id_in_flight_is_taken(client):
    running = client.generate(
        client.request("x", temperature=0, max_tokens=2000, ignore_eos=True, request_id="mine"), timeout=serving.HANG_SECONDS
    )
    next(running)
    assert client.stream(client.request(**GOOD, request_id="mine")).code == grpc.StatusCode.ALREADY_EXISTS
    running.cancel()


def test_text_of_a_user_never_becomes_a_control_token(client, pb):
    control = client.tokenize(pb.TokenizeRequest(text="<|im_start|>", parse_control=True)).token_ids
    text = client.tokenize(pb.TokenizeRequest(text="<|im_start|>")).token_ids
    assert len(control) == 1 and len(text) > 1 and control[0] not in text


def test_odd_but_valid_prompts_are_served(client):
    for text in ("\0", "\u202e\u0301", "🧵" * 50, "a" * 3000, "\r\n\t ", "<|im_end|>" * 5):
        result = client.stream(
            client.request(text, temperature=0, max_tokens=3, method="pass", ignore_eos=True)
        )
        assert result.code == grpc.StatusCode.OK and len(result.token_ids) == 3, repr(text)


def test_pass_without_lookahead_tokens_is_a_failed_precondition(start_server):
    _, client = start_server(lookahead=None)
    assert client.model_info(client.pb.GetModelInfoRequest()).lookahead == 0
    assert client.stream(client.request(**GOOD, method="pass")).code == grpc.StatusCode.FAILED_PRECONDITION
    assert client.stream(client.request(**GOOD)).code == grpc.StatusCode.OK
