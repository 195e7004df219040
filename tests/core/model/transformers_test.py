"""The model's step against transformers on the same weights: logits, greedy text and look-ahead rows, in fp32.

Needs TEST_BUILD_DIR, TEST_MODEL (a GGUF file) and TEST_EMBEDDINGS (look-ahead tokens without adapter). The weights are read here with the gguf package, apart
from the product's own reader.
"""
import json
import os
import subprocess

import gguf
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import LlamaConfig, LlamaForCausalLM

MODEL = os.environ["TEST_MODEL"]
LOOKAHEAD = os.environ["TEST_EMBEDDINGS"]
TOOL = os.path.join(os.environ["TEST_BUILD_DIR"], "bin", "model_logits")
TOLERANCE = 1e-3


def gguf_state(path):
    reader = gguf.GGUFReader(path)
    field = lambda key: reader.fields["llama." + key].contents()
    heads, kv_heads = field("attention.head_count"), field("attention.head_count_kv")

    def half_split(weight, count):
        # GGUF stores rotary pairs interleaved.
        rows, width = weight.shape
        return weight.reshape(count, rows // count // 2, 2, width).swapaxes(1, 2).reshape(rows, width)

    names = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
             "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    state = {}
    for tensor in reader.tensors:
        weight = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        parts = tensor.name.split(".")
        if parts[0] == "blk":
            if parts[2] == "attn_q":
                weight = half_split(weight, heads)
            if parts[2] == "attn_k":
                weight = half_split(weight, kv_heads)
            name = f"model.layers.{parts[1]}.{names[parts[2]]}.weight"
        else:
            name = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}[parts[0]]
            name += ".weight"
        state[name] = torch.from_numpy(np.ascontiguousarray(weight))
    state.setdefault("lm_head.weight", state["model.embed_tokens.weight"])
    config = LlamaConfig(vocab_size=state["lm_head.weight"].shape[0], hidden_size=field("embedding_length"),
                         intermediate_size=field("feed_forward_length"), num_hidden_layers=field("block_count"),
                         num_attention_heads=heads, num_key_value_heads=kv_heads,
                         max_position_embeddings=field("context_length"), rope_theta=field("rope.freq_base"),
                         rms_norm_eps=float(field("attention.layer_norm_rms_epsilon")), tie_word_embeddings=True)
    return config, state


@pytest.fixture(scope="module")
def reference():
    config, state = gguf_state(MODEL)
    config.rope_parameters = {"rope_type": "default", "rope_theta": config.rope_theta} \
        if hasattr(config, "rope_theta") else config.rope_parameters
    model = LlamaForCausalLM(config)
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not missing and not unexpected
    return model.eval()


def run(script, dtype="fp32"):
    done = subprocess.run([TOOL, MODEL, LOOKAHEAD, dtype], input=json.dumps(script).encode(), capture_output=True,
                          timeout=1800)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def logits(script):
    return np.frombuffer(run(script), dtype=np.float32).reshape(-1, 49152)


def chain(sequence, tokens, position, first_index=0, parent=-1):
    rows = []
    for token in tokens:
        rows.append({"sequence": sequence, "token": int(token), "position": position, "parent": parent})
        parent = first_index + len(rows) - 1
        position += 1
    return rows


def group(sequence, count, anchor, position, first_index):
    rows = []
    for k in range(1, count + 1):
        rows.append({"sequence": sequence, "lookahead": k, "position": position + k,
                     "parent": anchor if k == 1 else first_index + k - 2})
    return rows


def prompts(count, length):
    generator = np.random.default_rng(11)
    return [generator.integers(100, 40000, length + 7 * i).tolist() for i in range(count)]


@torch.no_grad()
def test_logits_agree_over_chunked_prefill_and_decoding(reference):
    for tokens in prompts(3, 60):
        script, done = [], 0
        for chunk in [33, 1, 1, 17, len(tokens) - 52]:
            script.append({"rows": chain(0, tokens[done:done + chunk], done), "commit": {"0": list(range(chunk))}})
            done += chunk
        ours = logits(script)
        theirs = reference(torch.tensor([tokens])).logits[0].numpy()
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < TOLERANCE


@torch.no_grad()
def test_greedy_text_is_the_same(reference):
    text_prompts = [[1, 9690, 198, 2683, 359, 253], [563, 965, 260, 1174, 29], [504, 2365, 282, 4649, 314]]
    for prompt in text_prompts:
        ours = np.frombuffer(run([{"greedy": prompt, "tokens": 96}]), dtype=np.int32).tolist()
        theirs = reference.generate(torch.tensor([prompt]), max_new_tokens=96, do_sample=False, eos_token_id=None,
                                    pad_token_id=0)[0][len(prompt):].tolist()
        assert ours == theirs


@torch.no_grad()
def test_lookahead_rows_agree_with_inputs_embeds(reference):
    learned = torch.from_numpy(load_file(LOOKAHEAD)["lookahead.embeddings"])
    tokens, other = prompts(2, 45)

    def expected(prefix, k):
        embeds = torch.cat([reference.get_input_embeddings()(torch.tensor(prefix)), learned[:k]])[None]
        return reference(inputs_embeds=embeds).logits[0, -1].numpy()

    last = len(tokens) - 1
    # Behind a committed token's successor: the newest token and its group.
    behind_committed = logits([
        {"rows": chain(0, tokens[:last], 0), "commit": {"0": list(range(last))}},
        {"rows": chain(0, tokens[last:], last) + group(0, 4, 0, last, 1)}])[last + 1:]
    # At the end of chunked prefill, beside a group behind an earlier row and beside another sequence with its own.
    rows = chain(1, other[:20], 0) + group(1, 4, 19, 19, 20)
    start = len(rows)
    rows += chain(0, tokens[16:], 16, start)
    newest = len(rows) - 1
    rows += group(0, 4, newest - 3, last - 3, len(rows))
    rows += group(0, 4, newest, last, len(rows))
    in_prefill = logits([{"rows": chain(0, tokens[:16], 0), "commit": {"0": list(range(16))}}, {"rows": rows}])[16:]
    for k in range(1, 5):
        theirs = expected(tokens, k)
        assert np.abs(behind_committed[k - 1] - theirs).max() < TOLERANCE, k
        assert np.abs(in_prefill[newest + 4 + k] - theirs).max() < TOLERANCE, k
        assert np.abs(in_prefill[newest + k] - expected(tokens[:-3], k)).max() < TOLERANCE, k
        assert np.abs(in_prefill[19 + k] - expected(other[:20], k)).max() < TOLERANCE, k
