"""The bench prompts as token ids, one tokenizer for all peers: llama.cpp's, which splits as the GGUF file says. (transformers'
conversion of a GGUF tokenizer merges spaces before digits that belong apart.)"""

import pathlib

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "bench" / "prompts"
SETS = ("code", "prose", "chat")


class Tokenizer:
    """Ids from a GGUF file's vocabulary, the chat template from a Hugging Face folder of the same model."""

    def __init__(self, file, folder):
        import llama_cpp
        import transformers

        self._llama = llama_cpp.Llama(str(file), vocab_only=True, verbose=False)
        self._transformers = transformers.AutoTokenizer.from_pretrained(folder)
        self.ends = self._transformers.all_special_ids

    def encode(self, text, control=False):
        """control: text that spells a control token is one."""
        return self._llama.tokenize(text.encode(), add_bos=False, special=control)

    def render(self, turns):
        return self._transformers.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)


def messages(text):
    """The turns of a chat: a line @user, @assistant or @system begins each."""
    turns = []
    for line in text.splitlines():
        if line in ("@user", "@assistant", "@system"):
            turns.append({"role": line[1:], "content": ""})
        else:
            turns[-1]["content"] += ("\n" if turns[-1]["content"] else "") + line
    return turns


def encoded_sets(tokenizer, read_prompts):
    """{set: [token ids]}. Texts as they stand, chats through the model's own template."""
    sets = {}
    for name in SETS:
        sets[name] = []
        for text in read_prompts(FOLDER / f"{name}.txt"):
            chat = text.startswith(("@user", "@system"))
            sets[name].append(tokenizer.encode(tokenizer.render(messages(text)) if chat else text, control=chat))
    return sets


def is_looping(ids):
    """As core/corpus/looping.h has it: fewer than 60 % of the 4-grams are distinct."""
    grams = [tuple(ids[i:i + 4]) for i in range(len(ids) - 3)]
    return len(set(grams)) < 0.6 * len(grams)


def choose(peer, prompts, limit, count, ends):
    """The first `limit` prompts whose completion by `peer` neither loops nor ends before `count` tokens."""
    chosen = []
    for ids in prompts:
        if len(chosen) == limit:
            break
        completion = peer.generate(ids, count).ids
        if not is_looping(completion) and not set(completion) & set(ends):
            chosen.append(ids)
    return chosen


def long_text(tokenizer, read_prompts):
    """Ids of a few thousand tokens of prose and code without repetition, for prefill."""
    texts = [text for name in ("english", "python") for text in read_prompts(FOLDER / f"{name}.txt")]
    return tokenizer.encode("\n\n".join(texts))
