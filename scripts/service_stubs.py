"""The Python stubs of the service, compiled on the spot, for the tests and the benchmarks."""

import importlib
import pathlib
import sys

import google
import grpc_tools
from grpc_tools import protoc

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]


def generate_stubs(folder):
    """Compiles the .proto into `folder`, which must outlive the modules. Returns the module of messages; that of
    stubs is pass_server.v1.generation_pb2_grpc."""
    common_protos = pathlib.Path(list(google.__path__)[0]).parent  # googleapis-common-protos has the error details
    well_known = pathlib.Path(list(grpc_tools.__path__)[0]) / "_proto"
    code = protoc.main(
        [
            "protoc",
            f"-I{REPOSITORY / 'proto'}",
            f"-I{common_protos}",
            f"-I{well_known}",
            f"--python_out={folder}",
            f"--grpc_python_out={folder}",
            "pass_server/v1/generation.proto",
        ]
    )
    assert code == 0
    sys.path.insert(0, str(folder))
    return importlib.import_module("pass_server.v1.generation_pb2")
