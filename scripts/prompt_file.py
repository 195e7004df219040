"""Files of prompts, in the format of core/corpus/prompt_file.h, for the tests and the benchmarks."""


def read_prompts(path):
    """The prompts of a file of plain texts, each without its last newline."""
    return [prompt.rstrip("\n") for prompt in path.read_text(encoding="utf-8").split("%%\n")]
