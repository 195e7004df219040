"""llama.cpp through llama-cpp-python: its C API, and the package's own prompt look-up.

The package's server runs one request after another. `streams` is one batch of as many sequences in the C API instead: what
llama.cpp's own server would do at best, without HTTP.
"""

import ctypes
import faulthandler
import math
import os
import pathlib
import time

import llama_cpp
import numpy
from llama_cpp.llama_speculative import LlamaPromptLookupDecoding
from peer import CannotRun, Peer, Stopwatch

MOST_STREAMS = 8
TOKENS_OF_A_STREAM = 1024


def existing(path):
    path = pathlib.Path(path)
    if not path.exists():
        raise CannotRun(path.with_name(path.name + ".why").read_text(encoding="utf-8"))
    return str(path)


@llama_cpp.llama_log_callback
def ignore(level, text, data):
    """Takes llama.cpp's log."""


def ends_with_two_rows(load):
    """Whether the process dies at a forward of two rows. llama.cpp's AMX code does so where GCC up to 12 compiled it as it stands:
    the writes of its tile configuration are taken for dead. Tried in a child, before this process has threads."""
    child = os.fork()
    if child == 0:
        faulthandler.disable()
        try:
            load().context.decode([(100 + i, i, 0, i == 1) for i in range(2)])
        finally:
            os._exit(0)  # what else is wrong, the parent meets too
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def without_amx():
    """Models loaded from here on keep their weights as the file has them: no AMX, no repacking."""
    defaults = llama_cpp.llama_cpp.llama_model_default_params

    def parameters():
        changed = defaults()
        changed.use_extra_bufts = False
        return changed

    llama_cpp.llama_cpp.llama_model_default_params = parameters


WITHOUT_AMX = "without AMX and repacking, because this build dies of an illegal instruction with them"


class Context:
    """One llama_context: ragged batches of (token, position, sequence), logits where asked for."""

    def __init__(self, model, threads, tokens, sequences):
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx, parameters.n_seq_max = tokens, sequences
        parameters.n_threads = parameters.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(model, parameters)
        if not self.context:
            raise CannotRun("llama.cpp made no context")
        self.capacity = parameters.n_batch
        self.batch = llama_cpp.llama_batch_init(self.capacity, 0, 1)
        self.memory = llama_cpp.llama_get_memory(self.context)
        self.words = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))

    def decode(self, rows):
        """rows: (token, position, sequence, whether its logits are wanted)."""
        self.batch.n_tokens = len(rows)
        for i, (token, position, sequence, wanted) in enumerate(rows):
            self.batch.token[i], self.batch.pos[i], self.batch.logits[i] = token, position, wanted
            self.batch.n_seq_id[i], self.batch.seq_id[i][0] = 1, sequence
        if llama_cpp.llama_decode(self.context, self.batch) != 0:
            raise RuntimeError("llama_decode failed")

    def logits(self, row):
        """Of a row of the last batch; valid until the next one."""
        return numpy.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self.context, row), (self.words,))

    def likeliest(self, row):
        return int(self.logits(row).argmax())

    def forget(self, sequence=-1, since=-1):
        llama_cpp.llama_memory_seq_rm(self.memory, sequence, since, -1)

    def read(self, ids, sequence=0):
        """Reads a prompt. The last batch's last row has the logits; returns that row's index."""
        for begin in range(0, len(ids), self.capacity):
            part = ids[begin:begin + self.capacity]
            self.decode([(token, begin + i, sequence, begin + i + 1 == len(ids)) for i, token in enumerate(part)])
        return len(part) - 1


class Loaded:
    """A model with contexts for one sequence and for several."""

    def __init__(self, file, threads):
        llama_cpp.llama_log_set(ignore, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        parameters = llama_cpp.llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = 0
        self.model = llama_cpp.llama_model_load_from_file(existing(file).encode(), parameters)
        if not self.model:
            raise CannotRun(f"llama.cpp does not load {file}")
        self.context = Context(self.model, threads, 4096, 1)
        self.several = Context(self.model, threads, MOST_STREAMS * TOKENS_OF_A_STREAM, MOST_STREAMS)


class LlamaCpp(Peer):
    measures = ("decode", "prefill", "rows", "streams", "perplexity")

    def __init__(self, file, threads):
        """Where AMX dies of two rows, decoding still has it, behind a prompt that is read row by row."""
        self.note, self.decoding = "", None
        if ends_with_two_rows(lambda: Loaded(file, threads)):
            self.decoding = Loaded(file, threads).context
            self.decoding.capacity = 1
            without_amx()
            self.note = f"; all but decoding {WITHOUT_AMX}"
        loaded = Loaded(file, threads)
        self.context, self.several = loaded.context, loaded.several
        self.decoding = self.decoding or loaded.context

    def about(self):
        return f"llama-cpp-python {llama_cpp.__version__}, C API{self.note}"

    def generate(self, ids, count):
        return self._complete(self.decoding, ids, count)

    def prefill(self, ids):
        return self._complete(self.context, ids, 1).prefill_seconds

    def _complete(self, context, ids, count):
        context.forget()
        watch = Stopwatch()
        row = context.read(ids)
        for position in range(len(ids), len(ids) + count):
            token = context.likeliest(row)
            watch.add([token])
            if len(watch.ids) < count:
                context.decode([(token, position, 0, True)])
                row = 0
        return watch.completion()

    def forward(self, rows, context, repetitions):
        self.context.forget()
        self.context.read([100] * context)
        measured = []
        for count in rows:
            seconds = []
            for _ in range(repetitions):
                start = time.perf_counter()
                self.context.decode([(100 + i, context + i, 0, True) for i in range(count)])
                for row in range(count):
                    self.context.likeliest(row)
                seconds.append(time.perf_counter() - start)
                self.context.forget(0, context)
            measured.append(seconds)
        return measured

    def streams(self, prompts, count):
        """The prompts in one batch, then a row of each sequence in a batch."""
        context = self.several
        context.forget()
        start = time.perf_counter()
        rows = [(token, position, sequence, position + 1 == len(ids))
                for sequence, ids in enumerate(prompts) for position, token in enumerate(ids)]
        context.decode(rows)
        ends = [i for i, row in enumerate(rows) if row[3]]
        for step in range(count):
            tokens = [context.likeliest(end) for end in ends]
            if step + 1 < count:
                context.decode([(token, len(prompts[i]) + step, i, True) for i, token in enumerate(tokens)])
                ends = range(len(prompts))
        return time.perf_counter() - start

    def perplexity(self, sets):
        figures = {}
        for name, texts in sets.items():
            loss = tokens = 0
            for ids in texts["ids"]:
                self.context.forget()
                self.context.decode([(token, i, 0, True) for i, token in enumerate(ids[:-1])])
                for i, token in enumerate(ids[1:]):
                    logits = self.context.logits(i).astype(numpy.float64)
                    loss -= logits[token] - logits.max() - math.log(numpy.exp(logits - logits.max()).sum())
                    tokens += 1
            figures[name] = {"perplexity": math.exp(loss / tokens), "tokens": tokens}
        return figures


class LlamaCppLookup(Peer):
    """LlamaPromptLookupDecoding in the package's Llama class; two drafts, as the package's documentation has it for CPUs."""

    measures = ("decode",)

    def __init__(self, file, threads, drafts=2):
        self.note = ""
        if ends_with_two_rows(lambda: Loaded(file, threads)):
            without_amx()
            self.note = f", {WITHOUT_AMX}"
        self.llama = llama_cpp.Llama(existing(file), n_ctx=4096, n_threads=threads, n_threads_batch=threads, verbose=False,
                                     draft_model=LlamaPromptLookupDecoding(num_pred_tokens=drafts))
        self.drafts = drafts

    def about(self):
        return f"llama-cpp-python {llama_cpp.__version__}, class Llama, LlamaPromptLookupDecoding({self.drafts}){self.note}"

    def generate(self, ids, count):
        self.llama.reset()
        watch = Stopwatch()
        for token in self.llama.generate(ids, temp=0.0, top_k=1, repeat_penalty=1.0):
            watch.add([int(token)])
            if len(watch.ids) == count:
                break
        return watch.completion()
