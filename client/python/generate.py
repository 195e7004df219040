import importlib
import sys

import grpc

# `pass` is a keyword of Python: an import statement cannot name the package, and generated stubs would try.
pb = importlib.import_module("pass.v1.generation_pb2")

address, prompt = sys.argv[1:3]
request = pb.GenerateRequest(text=prompt)
request.sampling.temperature = 0
request.stopping.max_tokens = 64
with grpc.insecure_channel(address) as channel:
    generate = channel.unary_stream("/pass.v1.PassService/Generate", pb.GenerateRequest.SerializeToString,
                                    pb.GenerateResponse.FromString)
    for message in generate(request):
        print(message.text, end="", flush=True)
        if message.HasField("finish"):
            summary = message.finish.speculation
            print(f"\n{summary.accepted} of {summary.drafted} drafts accepted, {summary.forwards} forwards")
