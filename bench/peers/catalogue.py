"""Which peers there are: a line each."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Entry:
    name: str
    weights: str  # what the matrices are kept in
    decoding: str  # "plain", or what speculates
    kind: str  # MODULE:CLASS for worker.py
    arguments: dict


def this_program(settings):
    model, programs, threads = settings.model, settings.programs, settings.threads
    both = {"programs": programs, "model": model, "threads": threads}
    for weights in ("bf16", "w8", "w4"):
        flag = "" if weights == "bf16" else weights
        for method in ("plain", "auto"):
            arguments = {**both, "weights": flag, "method": method, "lookahead_file": settings.lookahead_file}
            yield Entry(f"pass-server {weights}, {method}", weights, method, "pass_server_peer:PassServer", arguments)
        yield Entry(f"pass-bench {weights}", weights, "plain", "pass_bench_peer:PassBench", {**both, "weights": flag})
    for file in ("Q8_0", "Q4_0", "Q4_K_M"):
        arguments = {**both, "model": f"{settings.folder}/{file}.gguf", "weights": "as-stored"}
        yield Entry(f"pass-bench {file}", f"{file} as stored", "plain", "pass_bench_peer:PassBench", arguments)


def llama_cpp(settings):
    for weights in ("BF16", "Q8_0", "Q4_0", "Q4_K_M"):
        arguments = {"file": f"{settings.folder}/{weights}.gguf", "threads": settings.threads}
        yield Entry(f"llama.cpp {weights}", weights, "plain", "llama_peer:LlamaCpp", arguments)
        yield Entry(f"llama.cpp {weights}, look-up", weights, "prompt look-up", "llama_peer:LlamaCppLookup", arguments)


def transformers(settings):
    arguments = {"folder": f"{settings.folder}/hf", "threads": settings.threads}
    kind = "transformers_peer:Transformers"
    yield Entry("transformers bf16", "bf16", "plain", kind, arguments)
    yield Entry("transformers bf16, look-up", "bf16", "prompt look-up", kind, {**arguments, "lookup": 10})


def openvino(settings):
    for weights in ("F16", "Q8_0", "Q4_0"):
        arguments = {"model": f"{settings.folder}/{weights}.gguf", "threads": settings.threads}
        kind = "openvino_peer:OpenVino"
        yield Entry(f"OpenVINO GenAI {weights}", weights, "plain", kind, arguments)
        yield Entry(f"OpenVINO GenAI {weights}, look-up", weights, "prompt look-up", kind, {**arguments, "lookup": 5})


def onnxruntime(settings):
    for weights in ("fp32", "int8", "int4"):
        arguments = {"folder": f"{settings.folder}/onnx-{weights}", "threads": settings.threads}
        yield Entry(f"onnxruntime-genai {weights}", weights, "plain", "onnxruntime_peer:OnnxRuntime", arguments)


def ctranslate2(settings):
    for weights, compute in (("float32", "float32"), ("float32", "bfloat16"), ("int8", "int8")):
        arguments = {"folder": f"{settings.folder}/ctranslate2-{weights}", "threads": settings.threads,
                     "compute_type": compute}
        yield Entry(f"CTranslate2 {compute}", compute, "plain", "ctranslate2_peer:CTranslate2", arguments)


def entries(settings):
    """settings: model, folder (what convert.py made), programs, lookahead_file, threads."""
    for peer in (this_program, llama_cpp, transformers, openvino, onnxruntime, ctranslate2):
        yield from peer(settings)
