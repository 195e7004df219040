"""Every family of models against transformers, in fp32: a tiny random model of each, made here, is read from a Hugging Face
folder and from a GGUF file of the same weights.

Needs TEST_BUILD_DIR. Sizes differ from each other, depths are such that every kind of layer occurs, and windows are
shorter than the texts. The GGUF files are written as llama.cpp's converter does: its names, its order of rotary pairs, its
norms.
"""
import json
import os
import shutil
import subprocess

import gguf
import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import save_file

TOOL = os.path.join(os.environ["TEST_BUILD_DIR"], "bin", "model_logits")
TOLERANCE = 1e-3
VOCABULARY = 96
NUM_LOOKAHEAD = 3
SIZES = dict(vocab_size=VOCABULARY, hidden_size=80, intermediate_size=112, num_hidden_layers=3, num_attention_heads=5,
             num_key_value_heads=1, max_position_embeddings=2048, tie_word_embeddings=False, pad_token_id=0, bos_token_id=1, eos_token_id=2)


class Family:
    """`keys`: what the converter writes besides the sizes. `pairs`: it interleaves rotary pairs. `one`: it adds one to norms."""

    def __init__(self, kind, arch, keys=None, pairs=False, one=False, **config):
        self.kind, self.arch, self.keys, self.pairs, self.one = kind, arch, keys, pairs, one
        self.config = {**SIZES, **config}

    def make_config(self):
        return getattr(transformers, self.kind + "Config")(**self.config)

    def make(self):
        torch.manual_seed(17)
        config = self.make_config()
        config._attn_implementation = "eager"
        model = getattr(transformers, self.kind + "ForCausalLM")(config).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "norm" in name:
                    parameter.add_(torch.randn_like(parameter) * 0.2)
                elif parameter.dim() == 1:
                    parameter.normal_(0, 0.5)
                else:
                    parameter.normal_(0, 0.08 if "embed" in name else parameter.shape[1] ** -0.5)
        return model


def write_yarn(writer, rope):
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(rope["factor"])
    writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    for key, write in (("beta_fast", writer.add_rope_scaling_yarn_beta_fast),
                       ("beta_slow", writer.add_rope_scaling_yarn_beta_slow)):
        if key in rope:
            write(rope[key])


def write_llama3(writer, config):
    rope = config.rope_parameters
    base, dim = rope["rope_theta"], config.hidden_size // config.num_attention_heads
    wavelengths = 2 * np.pi * base ** (np.arange(0, dim, 2) / dim)
    low = rope["original_max_position_embeddings"] / rope["low_freq_factor"]
    high = rope["original_max_position_embeddings"] / rope["high_freq_factor"]
    smooth = (rope["original_max_position_embeddings"] / wavelengths - rope["low_freq_factor"]) / \
        (rope["high_freq_factor"] - rope["low_freq_factor"])
    factors = np.where(wavelengths < high, 1.0, np.where(wavelengths > low, rope["factor"],
                                                         1 / ((1 - smooth) / rope["factor"] + smooth)))
    writer.add_tensor("rope_freqs.weight", factors.astype(np.float32))


def write_granite(writer, config):
    writer.add_attention_scale(config.attention_multiplier)
    writer.add_embedding_scale(config.embedding_multiplier)
    writer.add_residual_scale(config.residual_multiplier)
    writer.add_logit_scale(config.logits_scaling)


def write_gemma3(writer, config):
    writer.add_sliding_window(config.sliding_window)
    rope = config.rope_parameters["full_attention"]
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])


def write_gemma2(writer, config):
    writer.add_sliding_window(config.sliding_window)
    writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
    writer.add_final_logit_softcapping(config.final_logit_softcapping)


def write_mistral3(writer, config):
    rope = config.rope_parameters
    write_yarn(writer, rope)
    writer.add_rope_scaling_yarn_log_mul(rope["mscale_all_dim"])
    writer.add_attn_temperature_scale(rope["llama_4_scaling_beta"])


YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 32}
FAMILIES = {
    "llama": Family("Llama", gguf.MODEL_ARCH.LLAMA, pairs=True),
    "llama3": Family("Llama", gguf.MODEL_ARCH.LLAMA, write_llama3, pairs=True, tie_word_embeddings=True,
                     rope_parameters={"rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0,
                                      "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                      "original_max_position_embeddings": 8192}),
    "llama_with_biases": Family("Llama", gguf.MODEL_ARCH.LLAMA, pairs=True, attention_bias=True),
    "mistral": Family("Mistral", gguf.MODEL_ARCH.LLAMA, lambda writer, c: writer.add_sliding_window(c.sliding_window),
                      pairs=True, head_dim=32, sliding_window=21),
    "qwen2": Family("Qwen2", gguf.MODEL_ARCH.QWEN2, num_attention_heads=5, num_key_value_heads=1),
    "qwen2_yarn": Family("Qwen2", gguf.MODEL_ARCH.QWEN2, lambda writer, c: write_yarn(writer, c.rope_parameters),
                         rope_parameters=YARN),
    "qwen3": Family("Qwen3", gguf.MODEL_ARCH.QWEN3, num_attention_heads=6, num_key_value_heads=2, head_dim=32,
                    tie_word_embeddings=True),
    "gemma2": Family("Gemma2", gguf.MODEL_ARCH.GEMMA2, write_gemma2, one=True, head_dim=32, query_pre_attn_scalar=32,
                     sliding_window=17, tie_word_embeddings=True, attn_logit_softcapping=4.0,
                     final_logit_softcapping=2.0),
    "gemma3": Family("Gemma3Text", gguf.MODEL_ARCH.GEMMA3, write_gemma3, one=True, num_hidden_layers=7, head_dim=48,
                     query_pre_attn_scalar=48, sliding_window=13, tie_word_embeddings=True,
                     rope_parameters={"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
                                      "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}),
    "smollm3": Family("SmolLM3", gguf.MODEL_ARCH.SMOLLM3, pairs=True, num_hidden_layers=5, tie_word_embeddings=True),
    "granite": Family("Granite", gguf.MODEL_ARCH.GRANITE, write_granite, pairs=True, embedding_multiplier=12.0,
                      residual_multiplier=0.22, attention_multiplier=0.3, logits_scaling=3.1),
    "mistral3": Family("Ministral3", gguf.MODEL_ARCH.MISTRAL3, write_mistral3, pairs=True, head_dim=32,
                       rope_parameters={**YARN, "beta_fast": 16.0, "beta_slow": 1.0, "mscale": 1.0,
                                        "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.1}),
    "olmo2": Family("Olmo2", gguf.MODEL_ARCH.OLMO2, num_attention_heads=5, num_key_value_heads=5),
}
# transformers names the class of Gemma3TextConfig without "Text".
transformers.Gemma3TextForCausalLM = transformers.Gemma3ForCausalLM


def write_gguf(family, model, path):
    config = model.config
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[family.arch])
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    rope = config.rope_parameters
    writer.add_rope_freq_base(rope.get("full_attention", rope)["rope_theta"])
    if family.keys:
        family.keys(writer, config)

    names = gguf.get_tensor_name_map(family.arch, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        weight = tensor.numpy()
        if family.one and name.endswith("norm.weight"):
            weight = weight + np.float32(1)
        projection = name.split(".")[-2]
        if family.pairs and projection in ("q_proj", "k_proj"):
            heads = config.num_attention_heads if projection == "q_proj" else config.num_key_value_heads
            weight = weight.reshape(heads, 2, head_dim // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")), np.ascontiguousarray(weight))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_lookahead(config, architecture, path):
    learned = np.random.default_rng(3).normal(size=(NUM_LOOKAHEAD, config.hidden_size)).astype(np.float32)
    save_file({"lookahead.embeddings": learned}, path, metadata={
        "format": "pass-lookahead", "version": "1", "architecture": architecture, "width": str(config.hidden_size),
        "layers": str(config.num_hidden_layers), "heads": str(config.num_attention_heads),
        "kv_heads": str(config.num_key_value_heads), "vocabulary": str(config.vocab_size),
        "num_lookahead": str(NUM_LOOKAHEAD), "base_fingerprint": "0" * 32, "base_model": "tiny", "recipe": "random"})
    return torch.from_numpy(learned)


class Written:
    """A family's model in memory, as a folder of shards, as a GGUF file, and look-ahead tokens for it."""

    def __init__(self, family, folder):
        self.model = family.make()
        self.folder, self.gguf = str(folder / "folder"), str(folder / "tiny.gguf")
        self.model.save_pretrained(self.folder, max_shard_size="150KB")
        assert os.path.exists(os.path.join(self.folder, "model.safetensors.index.json"))
        write_gguf(family, self.model, self.gguf)
        self.lookahead = str(folder / "tiny.lookahead.safetensors")
        self.learned = write_lookahead(self.model.config, gguf.MODEL_ARCH_NAMES[family.arch], self.lookahead)

    @torch.no_grad()
    def expected(self, tokens):
        return self.model(torch.tensor([tokens])).logits[0].numpy()


@pytest.fixture(scope="module", params=FAMILIES)
def written(request, tmp_path_factory):
    return Written(FAMILIES[request.param], tmp_path_factory.mktemp(request.param))


def run(model, script, lookahead="-"):
    done = subprocess.run([TOOL, model, lookahead, "fp32"], input=json.dumps(script).encode(), capture_output=True,
                          timeout=1800)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def logits(model, script, lookahead="-"):
    return np.frombuffer(run(model, script, lookahead), dtype=np.float32).reshape(-1, VOCABULARY)


def chain(tokens, position, first_index=0, parent=-1):
    rows = []
    for token in tokens:
        rows.append({"sequence": 0, "token": int(token), "position": position, "parent": parent})
        parent = first_index + len(rows) - 1
        position += 1
    return rows


def text(seed, length):
    return np.random.default_rng(seed).integers(0, VOCABULARY, length).tolist()


def in_chunks(tokens, chunks):
    script, done = [], 0
    for chunk in chunks:
        script.append({"rows": chain(tokens[done:done + chunk], done), "commit": {"0": list(range(chunk))}})
        done += chunk
    assert done == len(tokens)
    return script


def test_logits_agree_over_chunked_prefill_and_single_rows(written):
    tokens = text(1, 90)
    ours = logits(written.folder, in_chunks(tokens, [37, 1, 1, 1, 30, 20]))
    assert np.abs(ours - written.expected(tokens)).max() < TOLERANCE


def test_rows_of_a_tree_agree_with_the_texts_of_their_branches(written):
    prefix, stem, left, right = text(2, 50), text(3, 3), text(4, 4), text(5, 9)
    rows = chain(stem, 50)
    rows += chain(left, 53, len(rows), parent=2)
    rows += chain(right, 53, len(rows), parent=2)
    ours = logits(written.folder, in_chunks(prefix, [50]) + [{"rows": rows}])[50:]
    for branch, first in ((left, 3), (right, 7)):
        theirs = written.expected(prefix + stem + branch)[50:]
        assert np.abs(ours[:3] - theirs[:3]).max() < TOLERANCE
        assert np.abs(ours[first:first + len(branch)] - theirs[3:]).max() < TOLERANCE


def test_greedy_text_is_the_same(written):
    prompt = text(6, 40)
    ours = np.frombuffer(run(written.folder, [{"greedy": prompt, "tokens": 48}]), dtype=np.int32).tolist()
    ids = torch.tensor([prompt])  # the mask is given, since token 0 is text here
    theirs = written.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=48, do_sample=False,
                                    eos_token_id=None, pad_token_id=0)[0][len(prompt):].tolist()
    assert ours == theirs


@torch.no_grad()
def test_lookahead_rows_agree_with_inputs_embeds(written):
    tokens, last = text(7, 45), 44
    rows = chain(tokens[last:], last)
    for k in range(1, NUM_LOOKAHEAD + 1):
        rows.append({"sequence": 0, "lookahead": k, "position": last + k, "parent": k - 1})
    ours = logits(written.folder, in_chunks(tokens[:last], [last]) + [{"rows": rows}], written.lookahead)[last + 1:]
    # Learned embeddings enter the layers as they are; Granite multiplies what it is given.
    learned = written.learned / getattr(written.model.config, "embedding_multiplier", 1.0)
    embeds = torch.cat([written.model.get_input_embeddings()(torch.tensor(tokens)), learned])[None]
    theirs = written.model(inputs_embeds=embeds).logits[0, last + 1:].numpy()
    assert np.abs(ours - theirs).max() < TOLERANCE


def test_a_gguf_file_of_the_same_weights_gives_the_same_bits(written):
    script = in_chunks(text(8, 70), [33, 1, 36])
    assert run(written.gguf, script) == run(written.folder, script)


def older_config(config):
    """config.json as transformers 4 wrote it."""
    config = dict(config)
    rope = config.pop("rope_parameters")
    if "full_attention" in rope and "rope_theta" not in rope:
        config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        config.pop("layer_types")
        config["sliding_window_pattern"] = 6
        rope = rope["full_attention"]
    config["rope_theta"] = rope["rope_theta"]
    scaling = {key: value for key, value in rope.items() if key != "rope_theta"}
    config["rope_scaling"] = None if scaling["rope_type"] == "default" else scaling
    return config


def test_a_cache_snapshot_with_the_configuration_of_older_transformers_gives_the_same_bits(written, tmp_path):
    if written.model.config.model_type == "ministral3":
        pytest.skip("transformers 4 has no Ministral 3")
    snapshot = tmp_path / "models--tiny--model" / "snapshots" / "0123abcd"
    blobs = tmp_path / "models--tiny--model" / "blobs"
    snapshot.mkdir(parents=True)
    shutil.copytree(written.folder, blobs)
    for name in os.listdir(blobs):
        if name != "config.json":
            (snapshot / name).symlink_to(os.path.join("..", "..", "blobs", name))
    with open(blobs / "config.json") as file:
        (snapshot / "config.json").write_text(json.dumps(older_config(json.load(file))))
    script = in_chunks(text(9, 60), [33, 1, 26])
    assert run(str(snapshot), script) == run(written.folder, script)
