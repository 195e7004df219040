"""This program: pass-server over gRPC on the loopback, by its client's clock."""

import importlib
import pathlib
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))
import grpc  # noqa: E402
from peer import Peer, Stopwatch  # noqa: E402
from server_process import ServerProcess  # noqa: E402
from service_stubs import generate_stubs  # noqa: E402


class PassServer(Peer):
    """`weights`: as --weights has it; empty: bf16."""

    measures = ("decode", "prefill", "streams")

    def __init__(self, programs, model, threads, method, weights="", lookahead_file=""):
        self.method = method
        command = [f"{programs}/pass-server", "--model", model, "--threads", str(threads)]
        command += ["--weights", weights] if weights else []
        command += ["--lookahead-file", lookahead_file] if lookahead_file else []
        if method != "plain":
            self.measures = ("decode", "streams")
        self.folder = tempfile.TemporaryDirectory()
        self.pb = generate_stubs(self.folder.name)
        self.server = ServerProcess(command)
        self.channel = grpc.insecure_channel(self.server.address, options=[("grpc.enable_http_proxy", 0)])
        stubs = importlib.import_module("pass_server.v1.generation_pb2_grpc")
        self.stub = stubs.PassServiceStub(self.channel)

    def about(self):
        info = self.stub.GetModelInfo(self.pb.GetModelInfoRequest())
        return f"pass-server {info.server_version}, gRPC, client's clock"

    def _request(self, ids, count):
        return self.pb.GenerateRequest(
            token_ids=self.pb.TokenIds(ids=ids), sampling=self.pb.Sampling(temperature=0),
            stopping=self.pb.Stopping(max_tokens=count, ignore_eos=True),
            speculation=self.pb.Speculation(method=self.method))

    def generate(self, ids, count):
        request = self._request(ids, count)
        watch = Stopwatch()
        for message in self.stub.Generate(request):
            if message.token_ids:
                watch.add(list(message.token_ids))
        return watch.completion()

    def streams(self, prompts, count):
        requests = [self._request(ids, count) for ids in prompts]
        start = time.perf_counter()
        calls = [self.stub.Complete.future(request) for request in requests]
        for call in calls:
            call.result()
        return time.perf_counter() - start

    def close(self):
        self.channel.close()
        self.server.stop()
        self.folder.cleanup()
