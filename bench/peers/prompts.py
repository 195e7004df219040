"""The bench prompts as token ids, one tokenizer for all peers."""

import pathlib

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "bench" / "prompts"
SETS = ("code", "prose", "chat")


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
            if text.startswith(("@user", "@system")):
                text = tokenizer.apply_chat_template(messages(text), tokenize=False, add_generation_prompt=True)
            sets[name].append(tokenizer.encode(text, add_special_tokens=False))
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
    return tokenizer.encode("\n\n".join(texts), add_special_tokens=False)
