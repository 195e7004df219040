"""A deterministic corpus for tokenizers: code, prose, many scripts, emoji, control characters, random code points.

Code and prose are the Python installation's own sources and documents; the rest is drawn from a seeded generator. Only code
points that Unicode 14 assigns are used: that is what both PCRE2 10.42 and Python 3.11 know.
"""

import pathlib
import random
import sysconfig
import unicodedata

CHUNK_CHARACTERS = 50_000


def assigned_code_points():
    # A newer Python knows code points that PCRE2 may not: fall back to an old table that both contain.
    new_python = tuple(map(int, unicodedata.unidata_version.split("."))) > (14, 0, 0)
    table = unicodedata.ucd_3_2_0 if new_python else unicodedata
    return [c for c in range(0x110000) if table.category(chr(c)) not in ("Cn", "Cs")]


def _files(patterns, root, limit_bytes):
    """Text of the files below root, in the order of their names, until there is enough."""
    texts, size = [], 0
    for path in sorted(p for pattern in patterns for p in pathlib.Path(root).rglob(pattern)):
        if size >= limit_bytes:
            break
        if path.stat().st_size < 200_000:
            data = path.read_bytes()
            texts.append(data.decode("utf-8", errors="ignore"))
            size += len(data)
    return "".join(texts)


def _scripts(rng, assigned, limit_characters):
    """Words of letters, marks and digits from one neighbourhood of the code space at a time, as scripts lie in it."""
    usable = [c for c in assigned if unicodedata.category(chr(c))[0] in "LMN"]
    parts, size = [], 0
    while size < limit_characters:
        start = rng.randrange(len(usable))
        block = usable[start : start + rng.choice((20, 60, 200))]
        words = []
        for _ in range(rng.randrange(5, 30)):
            words.append("".join(chr(rng.choice(block)) for _ in range(rng.randrange(1, 12))))
            words.append(rng.choice((" ", " ", " ", ", ", ". ", "\n", "  ", "、", "。", " - ", "")))
        parts.append("".join(words))
        size += len(parts[-1])
    return "".join(parts)


def _emoji(rng, limit_characters):
    faces = [chr(c) for a, b in ((0x1F300, 0x1F650), (0x1F680, 0x1F6C6), (0x1F900, 0x1FA00), (0x2600, 0x27C0)) for c in range(a, b)]
    parts, size = [], 0
    while size < limit_characters:
        kind = rng.randrange(6)
        if kind == 0:
            part = "\u200d".join(rng.choice(faces) for _ in range(rng.randrange(2, 5)))
        elif kind == 1:
            part = rng.choice(faces) + chr(rng.randrange(0x1F3FB, 0x1F400))
        elif kind == 2:
            part = "".join(chr(rng.randrange(0x1F1E6, 0x1F200)) for _ in range(2))
        elif kind == 3:
            part = rng.choice(faces) + "\ufe0f" * rng.randrange(3)
        elif kind == 4:
            part = rng.choice("0123456789#*") + "\ufe0f\u20e3"
        else:
            part = rng.choice((" ", "  ", "\n", " ok ", "!?", "12"))
        parts.append(part)
        size += len(part)
    return "".join(parts)


# What the pre-tokenizers' expressions treat unlike: contractions in every case (the long s folds to s), white space that
# libraries disagree about, numbers that are no digits, control characters, and the text of special tokens.
_EDGES = (
    "' ' ' ’ s t m d re ve ll S T RE Ve lL ſ a é ß ﬆ ǅ 中 の ا ह ก 1 23 456 ² ½ Ⅷ 〇 ٣ . , ! _ - — … \u0301 \u20dd\u200d \ufeff "
    "<|im_end|> <|im_start|> <|endoftext|> <tool> <tool>call <tool>ca 日本 日本語 < | >"
).split(" ") + (
    [" ", " ", " ", "  ", "   ", "\n", "\n\n", "\r", "\r\n", "\t", "\t\t\t\t\t\t", "\v", "\f", "\u00a0", "\u0085", "\u180e"]
    + ["\u2003", "\u2028", "\u202f", "\u3000", "\u200b", "\u1680", "\u205f", " \u3000 "]
    + [chr(c) for c in range(32)]
    + [chr(c) for c in range(127, 161)]
)


def _edges(rng, limit_characters):
    parts = []
    size = 0
    while size < limit_characters:
        few = rng.sample(_EDGES, 8) if rng.random() < 0.5 else _EDGES
        part = "".join(rng.choice(few) for _ in range(40))
        parts.append(part)
        size += len(part)
    return "".join(parts)


def _runs(rng):
    """Long repetitions: pieces that are far longer than any word."""
    units = [" ", "\n", "a", "ab", "é", "1", "!", " \n", "\t", "が", "=", "' ", "\u00a0", "\x00", "<|"]
    return "".join(unit * rng.randrange(1000, 8000) for unit in units)


def make_corpus(seed):
    """{name: text}; about 14 MB as UTF-8."""
    rng = random.Random(seed)
    paths = sysconfig.get_paths()
    assigned = assigned_code_points()
    known = set(assigned)
    corpus = {
        "code": _files(["*.py"], paths["stdlib"], 5_000_000),
        "prose": _files(["*.md", "*.rst", "*.txt", "METADATA", "*LICENSE*"], paths["purelib"], 2_000_000),
        "scripts": _scripts(rng, assigned, 1_000_000),
        "emoji": _emoji(rng, 120_000),
        "edges": _edges(rng, 1_000_000),
        "random": "".join(chr(c) for c in rng.choices(assigned, k=300_000))
        + "".join(chr(c) for c in rng.sample([c for c in assigned if unicodedata.category(chr(c)) != "Co"], 100_000)),
        "runs": _runs(rng),
    }
    return {name: "".join(c for c in text if ord(c) in known) for name, text in corpus.items()}


def chunks(corpus):
    """[(name, text)]: pieces of the corpus that are quick to compare and short enough to show."""
    return [
        (f"{name}-{i // CHUNK_CHARACTERS:04}", text[i : i + CHUNK_CHARACTERS])
        for name, text in corpus.items()
        for i in range(0, len(text), CHUNK_CHARACTERS)
    ]
