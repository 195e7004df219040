import sys

import grpc
from pass_server.v1 import generation_pb2, generation_pb2_grpc

address, prompt = sys.argv[1:3]
request = generation_pb2.GenerateRequest(text=prompt, sampling={"temperature": 0}, stopping={"max_tokens": 64})
with grpc.insecure_channel(address) as channel:
    for message in generation_pb2_grpc.PassServiceStub(channel).Generate(request):
        print(message.text, end="", flush=True)
speculation = message.finish.speculation
print(f"\n{speculation.accepted} of {speculation.drafted} drafts accepted, {speculation.forwards} forwards")
