"""A model file in transformers, as the reference that pass-server is measured or compared against."""

import pathlib


def load_reference(path, dtype):
    """A GGUF file or a Hugging Face folder as a transformers model that never stops by itself. dtype: "float32" or "bfloat16"."""
    import torch
    import transformers

    path = pathlib.Path(path)
    source = {"gguf_file": path.name} if path.is_file() else {}
    folder = path.parent if path.is_file() else path
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype), **source)
    model.generation_config.eos_token_id = None
    return model.eval()
