"""onnxruntime-genai's Generator. It has no prompt look-up and no server: `streams` is one padded batch, its best case."""

import pathlib
import time

import numpy
import onnxruntime_genai
from peer import CannotRun, Peer, Stopwatch


class OnnxRuntime(Peer):
    measures = ("decode", "prefill", "streams")

    def __init__(self, folder, threads):
        folder = pathlib.Path(folder)
        if not folder.exists():
            raise CannotRun(folder.with_name(folder.name + ".why").read_text(encoding="utf-8"))
        config = onnxruntime_genai.Config(str(folder))
        config.overlay('{"model": {"decoder": {"session_options": {"intra_op_num_threads": %d}}}}' % threads)
        self.model = onnxruntime_genai.Model(config)

    def about(self):
        return f"onnxruntime-genai {onnxruntime_genai.__version__}"

    def _generator(self, longest, count, batch=1):
        parameters = onnxruntime_genai.GeneratorParams(self.model)
        parameters.set_search_options(do_sample=False, max_length=longest + count, min_length=longest + count,
                                      batch_size=batch)
        return onnxruntime_genai.Generator(self.model, parameters)

    def generate(self, ids, count):
        generator = self._generator(len(ids), count)
        watch = Stopwatch()
        generator.append_tokens(numpy.array(ids, dtype=numpy.int32))
        while len(watch.ids) < count:
            generator.generate_next_token()
            watch.add([int(generator.get_next_tokens()[0])])
        return watch.completion()

    def streams(self, prompts, count):
        longest = max(map(len, prompts))
        batch = numpy.array([[0] * (longest - len(ids)) + ids for ids in prompts], dtype=numpy.int32)
        generator = self._generator(longest, count, len(prompts))
        start = time.perf_counter()
        generator.append_tokens(batch)
        for _ in range(count):
            generator.generate_next_token()
        return time.perf_counter() - start
