#!/usr/bin/env python3
"""Makes what the peers load from one GGUF file: every peer computes with the weights of that file, rounded to bf16.

    convert.py MODEL.gguf FOLDER

What is there already stays. What a peer cannot convert is said in FOLDER/NAME.why, and the others go on.
"""

import pathlib
import subprocess
import sys

# Names of llama.cpp's types of files, and their numbers in its C API (enum llama_ftype).
LLAMA_FILE_TYPES = {"F16": 1, "Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15, "BF16": 32}


def gguf_file(source, target, number):
    """With llama.cpp's own converter. From BF16, so that nothing is rounded twice by blocks."""
    import llama_cpp

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = number
    parameters.allow_requantize = True
    parameters.nthread = 2
    if llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), parameters) != 0:
        raise RuntimeError(f"llama.cpp cannot write {target.name}")


def hugging_face_folder(source, target):
    """Through transformers, which writes no model that it read from GGUF: its tensors go into a fresh one."""
    import torch
    import transformers

    where = {"pretrained_model_name_or_path": source.parent, "gguf_file": source.name}
    read = transformers.AutoModelForCausalLM.from_pretrained(dtype=torch.bfloat16, **where)
    config = read.config
    for name in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(config, name):
            delattr(config, name)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.load_state_dict(read.state_dict())
    model.save_pretrained(target)
    transformers.AutoTokenizer.from_pretrained(**where).save_pretrained(target)


def ctranslate2_folder(source, target, kind):
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(str(source)).convert(str(target), quantization=kind)


def onnx_folder(source, target, kind):
    subprocess.run([sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", source, "-o", target, "-p", kind,
                    "-e", "cpu", "-c", target.with_name("onnx-cache")], check=True, stdout=subprocess.DEVNULL)


def steps(model, folder):
    """(name, function, arguments): in this order, each makes folder/name."""
    yield "BF16.gguf", gguf_file, (model, LLAMA_FILE_TYPES["BF16"])
    for name, number in LLAMA_FILE_TYPES.items():
        if name != "BF16":
            yield f"{name}.gguf", gguf_file, (folder / "BF16.gguf", number)
    yield "hf", hugging_face_folder, (model,)
    for kind in ("float32", "int8"):
        yield f"ctranslate2-{kind}", ctranslate2_folder, (folder / "hf", kind)
    for kind in ("fp32", "int8", "int4"):
        yield f"onnx-{kind}", onnx_folder, (folder / "hf", kind)


def make(name, function, arguments, folder):
    """One step, whose result appears whole or not at all."""
    target, unfinished, why = folder / name, folder / f"unfinished-{name}", folder / f"{name}.why"
    if target.exists():
        return
    print(f"==> {target}", file=sys.stderr)
    subprocess.run(["rm", "-rf", unfinished], check=True)
    why.unlink(missing_ok=True)
    try:
        function(arguments[0], unfinished, *arguments[1:])
        unfinished.rename(target)
    except Exception as error:  # whatever a foreign converter raises: the report names it
        why.write_text(f"{type(error).__name__}: {error}\n", encoding="utf-8")
        print(f"    {error}", file=sys.stderr)


def main():
    model, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for name, function, arguments in steps(model, folder):
        make(name, function, arguments, folder)


if __name__ == "__main__":
    main()
