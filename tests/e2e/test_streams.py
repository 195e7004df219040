"""Many streams at once, cut short or not; full queues; the orderly end."""

import concurrent.futures
import threading
import time

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

import serving


def error_details(error, detail_type):
    """The details of one type in an error's grpc-status-details-bin trailer."""
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                if detail.Is(detail_type.DESCRIPTOR):
                    message = detail_type()
                    detail.Unpack(message)
                    return message
    return None


def mixed_requests(client, pb, prompts):
    """Sixteen requests with different options, and how each is cut short: (request, cut)."""
    chat = pb.Chat(
        messages=[
            pb.ChatMessage(role="system", content="You are a pirate."),
            pb.ChatMessage(role="user", content="Tell me about the sea."),
        ]
    )
    ids = pb.TokenIds(ids=list(range(200, 420)))
    long = {"max_tokens": 160, "ignore_eos": True}
    variants = [
        (prompts[0], {"temperature": 0, "method": "plain", **long}, None),
        (prompts[1], {"temperature": 0, "method": "pass", **long}, None),
        (prompts[2], {"temperature": 0.8, "seed": 1, "method": "plain", **long}, None),
        (prompts[3], {"temperature": 0.8, "seed": 2, "method": "pass", **long}, None),
        (
            prompts[4],
            {"temperature": 1.2, "seed": 3, "top_k": 40, "top_p": 0.9, "method": "plain", **long},
            None,
        ),
        (
            prompts[5],
            {"temperature": 0.7, "seed": 4, "min_p": 0.05, "method": "pass", "lookahead": 2, **long},
            None,
        ),
        (None, {"chat": chat, "temperature": 0, "method": "pass", "max_tokens": 90}, None),
        (None, {"token_ids": ids, "temperature": 0, "method": "pass", **long}, None),
        (
            prompts[25],
            {"temperature": 0, "stop": ["\n\n", " the "], "max_tokens": 120, "method": "pass"},
            None,
        ),
        (prompts[26] * 20, {"temperature": 0, "method": "pass", **long}, None),
        (prompts[27], {"temperature": 0, "method": "auto", "max_tokens": 1}, None),
        (prompts[28], {"temperature": 0.9, "seed": 5, "method": "auto", **long}, None),
        (prompts[29], {"temperature": 0, "method": "pass", **long}, "cancel"),
        (prompts[30], {"temperature": 0.8, "seed": 6, "method": "plain", **long}, "cancel"),
        (prompts[31], {"temperature": 0, "method": "plain", **long}, "deadline"),
        (prompts[32], {"temperature": 0.6, "seed": 7, "method": "pass", **long}, "deadline"),
    ]
    return [(client.request(text, **options), cut) for text, options, cut in variants]


def test_sixteen_streams_give_what_each_gives_alone(client, pb, prompts):
    cases = mixed_requests(client, pb, prompts)
    alone, seconds_alone = [], []
    for request, _ in cases:
        start = time.monotonic()
        alone.append(client.stream(request))
        seconds_alone.append(time.monotonic() - start)
        assert alone[-1].code == grpc.StatusCode.OK, alone[-1].details

    barrier = threading.Barrier(len(cases))

    def run(index):
        request, cut = cases[index]
        barrier.wait(serving.HANG_SECONDS)
        if cut == "cancel":
            return client.stream(request, cancel_after=5 + index)
        if cut == "deadline":  # a stream among sixteen is slower than alone, and never done so soon
            return client.stream(request, timeout=min(0.5, seconds_alone[index] / 8))
        return client.stream(request)

    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        together = list(pool.map(run, range(len(cases))))

    for (request, cut), one, many in zip(cases, alone, together, strict=True):
        if cut is None:
            assert many.code == grpc.StatusCode.OK, many.details
            assert many.same_as(one), request
            continue
        expected = grpc.StatusCode.CANCELLED if cut == "cancel" else grpc.StatusCode.DEADLINE_EXCEEDED
        assert many.code == expected
        assert one.text.startswith(many.text)
        assert one.token_ids[: len(many.token_ids)] == many.token_ids
        assert len(many.token_ids) < len(one.token_ids)


def test_a_seed_gives_the_same_output_again_and_another_seed_another(client, prompts):
    for method in ("plain", "pass"):
        options = {"temperature": 1.0, "max_tokens": 40, "ignore_eos": True, "method": method}
        first = client.stream(client.request(prompts[33], **options))
        again = client.stream(client.request(prompts[33], seed=first.finish.seed, **options))
        other = client.stream(client.request(prompts[33], seed=first.finish.seed + 1, **options))
        assert first.finish.seed < 2**53
        assert again.same_as(first)
        assert other.token_ids != first.token_ids


def test_a_full_queue_refuses_with_a_retry_hint(start_server, prompts):
    _, client = start_server("--max-sequences", "1", "--max-queue", "1")
    running = client.generate(
        client.request(prompts[0], temperature=0, max_tokens=4000, ignore_eos=True), timeout=serving.HANG_SECONDS
    )
    next(running)  # admitted: the next one waits, and the one after that finds the queue full

    def ask(prompt):
        call = client.generate(client.request(prompt, temperature=0, max_tokens=4), timeout=serving.HANG_SECONDS)
        try:
            return sum(len(message.token_ids) for message in call)
        except grpc.RpcError as error:
            return error

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = {pool.submit(ask, prompt) for prompt in prompts[1:3]}
        done, waiting = concurrent.futures.wait(
            waiting, timeout=serving.HANG_SECONDS, return_when=concurrent.futures.FIRST_COMPLETED
        )
        assert len(done) == 1 and len(waiting) == 1
        error = done.pop().result()
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert error_details(error, error_details_pb2.RetryInfo).retry_delay.ToTimedelta().total_seconds() > 0
        running.cancel()
        assert 1 <= waiting.pop().result() <= 4  # the one that waited is served once there is room


def test_the_end_lets_running_streams_finish_and_refuses_new_ones(start_server, prompts):
    process, client = start_server()
    health = health_pb2_grpc.HealthStub(client.channel)
    watch = health.Watch(health_pb2.HealthCheckRequest(service="pass_server.v1.PassService"), timeout=serving.HANG_SECONDS)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING

    tokens = 250
    calls = [
        client.generate(
            client.request(prompt, temperature=0, max_tokens=tokens, ignore_eos=True, method=method),
            timeout=serving.HANG_SECONDS,
        )
        for prompt, method in zip(prompts[10:14], ("plain", "pass", "plain", "pass"), strict=True)
    ]
    firsts = [next(call) for call in calls]
    process.terminate()
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    refused = client.stream(client.request(prompts[0], max_tokens=1))
    assert refused.code == grpc.StatusCode.UNAVAILABLE
    for first, call in zip(firsts, calls, strict=True):
        messages = [first, *call]
        assert sum(len(message.token_ids) for message in messages) == tokens
        assert messages[-1].HasField("finish")
    assert process.wait() == 0
