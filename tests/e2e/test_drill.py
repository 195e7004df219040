"""What a kubelet does to a pod, in its order: probes while it starts, then SIGTERM with every seat taken."""

import concurrent.futures
import threading

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

import serving

READINESS = "pass_server.v1.PassService"


def probe(client, service):
    """As native gRPC probes do: a fresh question each time."""
    request = health_pb2.HealthCheckRequest(service=service)
    reply = health_pb2_grpc.HealthStub(client.channel).Check(request, timeout=serving.HANG_SECONDS)
    return reply.status == health_pb2.HealthCheckResponse.SERVING


def test_sigterm_with_32_streams_loses_nothing_and_exits_0(start_server, prompts):
    process, client = start_server("--max-sequences", "32", "--drain-timeout", "8s")
    assert probe(client, "") and probe(client, READINESS)
    # Half of the streams are short, half would go on for far longer than the drain. All fit into the cache at a time.
    requests = [
        client.request(prompts[i], temperature=0, ignore_eos=True, max_tokens=8 if i % 2 else 1000) for i in range(32)
    ]
    started = threading.Barrier(33)

    def run(request):
        result = serving.Completion()
        call = client.generate(request, timeout=serving.HANG_SECONDS)
        try:
            for count, message in enumerate(call):
                if count == 0:
                    started.wait(serving.HANG_SECONDS)
                result.token_ids += message.token_ids
                if message.HasField("finish"):
                    result.finish = message.finish
        except grpc.RpcError as error:
            result.code, result.details = error.code(), error.details()
        return result

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        running = [pool.submit(run, request) for request in requests]
        started.wait(serving.HANG_SECONDS)
        process.terminate()
        results = [future.result() for future in running]

    codes = {result.code for result in results}
    assert codes <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}, [result.details for result in results]
    for request, result in zip(requests, results, strict=True):
        if result.code == grpc.StatusCode.OK:
            assert len(result.token_ids) == request.stopping.max_tokens
            assert result.finish.usage.completion_tokens == len(result.token_ids)
        else:
            assert result.token_ids  # what was decoded had been streamed already
    assert process.wait() == 0
