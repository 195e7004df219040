"""What surrounds generation: model facts, tokens, health, reflection, the log, start-up errors."""

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import serving


def test_model_info_describes_what_is_loaded(client, pb):
    info = client.model_info(pb.GetModelInfoRequest())
    assert info.architecture == "llama" and info.dtype == "bf16" and info.device == "cpu"
    assert info.vocab_size == 49152 and info.context_length == 8192 and info.lookahead == 8
    assert info.chat_format == "chatml" and set(info.methods) == {"auto", "plain", "pass", "tree"}
    assert len(info.fingerprint) == 32 and info.end_of_sequence_ids


def test_detokenize_undoes_tokenize(client, pb):
    for text in ("def f(x):\n    return x * 2\n", "Zażółć gęślą jaźń — 東京 🗼", "a\tb  c\r\n\0", ""):
        ids = client.tokenize(pb.TokenizeRequest(text=text, add_bos=False)).token_ids
        assert client.detokenize(pb.DetokenizeRequest(token_ids=ids)).text == text


def test_bad_tokens_are_refused_by_detokenize(client, pb):
    with pytest.raises(grpc.RpcError) as caught:
        client.detokenize(pb.DetokenizeRequest(token_ids=[49152]))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_health_tells_liveness_and_readiness(client):
    health = health_pb2_grpc.HealthStub(client.channel)
    for service in ("", "pass_server.v1.PassService"):
        reply = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=serving.HANG_SECONDS)
        assert reply.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as caught:
        health.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=serving.HANG_SECONDS)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_reflection_lists_the_service(client):
    # ServerReflectionRequest.list_services is field 7; searching the reply's bytes spares its stub.
    call = client.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        lambda value: value,
        lambda value: value,
    )
    reply = next(call(iter([b"\x3a\x01*"]), timeout=serving.HANG_SECONDS))
    assert b"pass_server.v1.PassService" in reply and b"grpc.health.v1.Health" in reply


def test_the_log_has_a_line_per_request_and_no_prompt_text(server, client):
    secret = "xylophone-marmalade"
    client.stream(client.request(f"My password is {secret}", max_tokens=4, request_id="log-line-1"))
    client.stream(
        client.request("x", max_tokens=4, request_id="log-line-2")
    )  # the first one's line is out by now
    lines = [line for line in server.log if "log-line-1" in line]
    assert len(lines) == 1, lines
    assert not any(secret in line for line in server.log)


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--model", "/nonexistent/model.gguf"], ["/nonexistent/model.gguf"]),
        ([], ["--model"]),
        (["--bogus"], ["--bogus"]),
        (["--model", __file__], [__file__]),
    ],
    ids=["missing", "none", "flag", "no model"],
)
def test_a_start_that_cannot_work_ends_with_one_line_and_exit_1(flags, words):
    code, line = serving.run_server(*flags)
    assert code == 1
    assert all(word in line for word in words), line


def test_a_lookahead_file_that_is_none_is_refused_by_name(tmp_path):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b'{"not": "tensors"}')
    code, line = serving.run_server("--model", serving.model_path(), "--lookahead-file", str(broken))
    assert code == 1 and "broken.safetensors" in line


def test_a_taken_port_is_an_error(server):
    code, line = serving.run_server("--model", serving.model_path(), "--listen", server.address)
    assert code == 1 and server.address in line
