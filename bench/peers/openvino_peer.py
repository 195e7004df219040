"""OpenVINO GenAI's pipeline, and its prompt look-up. Its server is no Python package: `streams` is one call of its continuous
batching, which that server runs too."""

import time

import numpy
import openvino
import openvino_genai
from peer import Peer, Stopwatch


class OpenVino(Peer):
    measures = ("decode", "prefill", "streams")

    def __init__(self, model, threads, lookup=0, properties=None):
        options = {"INFERENCE_NUM_THREADS": threads, **(properties or {})}
        if lookup:
            options["prompt_lookup"] = True
            self.measures = ("decode",)
        self.lookup = lookup
        self.pipeline = openvino_genai.LLMPipeline(str(model), "CPU", **options)

    def about(self):
        return f"OpenVINO GenAI {openvino_genai.__version__.split('-')[0]}"

    def _config(self, count):
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens, config.ignore_eos, config.do_sample = count, True, False
        if self.lookup:
            config.num_assistant_tokens, config.max_ngram_size = self.lookup, 3
        return config

    def generate(self, ids, count):
        tensor = openvino.Tensor(numpy.array([ids], dtype=numpy.int64))
        config = self._config(count)
        watch = Stopwatch()
        pieces = Pieces(watch)
        result = self.pipeline.generate(tensor, config, pieces)
        completion = watch.completion()
        completion.ids = list(result.tokens[0])
        return completion

    def streams(self, prompts, count):
        longest = max(map(len, prompts))
        batch = numpy.array([[0] * (longest - len(ids)) + ids for ids in prompts], dtype=numpy.int64)
        mask = numpy.array([[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompts], dtype=numpy.int64)
        inputs = openvino_genai.TokenizedInputs(openvino.Tensor(batch), openvino.Tensor(mask))
        start = time.perf_counter()
        self.pipeline.generate(inputs, self._config(count))
        return time.perf_counter() - start


class Pieces(openvino_genai.StreamerBase):
    """Gets each token, or the tokens that one step accepts."""

    def __init__(self, watch):
        super().__init__()
        self.watch = watch

    def write(self, tokens):
        self.watch.add(list(tokens) if isinstance(tokens, (list, tuple)) else [tokens])
        return openvino_genai.StreamingStatus.RUNNING

    def end(self):
        pass
