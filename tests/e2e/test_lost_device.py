"""A device that is lost while streams run: the real server, in which LibTorch is made to fail as it does then."""

import grpc

import serving
from server_process import HANG_SECONDS


def test_streams_get_internal_and_the_process_ends_with_1(tmp_path, pb):
    trigger = tmp_path / "lost"
    library = serving.BUILD / "tests" / "lose_device.so"
    prefix = ["env", f"LD_PRELOAD={library}", f"LOSE_DEVICE={trigger}"]
    with serving.ServerProcess("--drain-timeout", "60s", prefix=prefix) as process:
        client = serving.ServiceClient(pb, process.address)
        requests = [client.request(f"Once upon a time {i}", ignore_eos=True, max_tokens=1000) for i in range(3)]
        calls = [client.generate(request, timeout=HANG_SECONDS) for request in requests]
        for call in calls:
            next(call)
        trigger.touch()
        for call in calls:
            try:
                for _ in call:
                    pass
                raise AssertionError("a stream went on without its device")
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.INTERNAL, error
        assert process.wait() == 1
    assert "the device is lost; start the server anew" in "".join(process.log)
