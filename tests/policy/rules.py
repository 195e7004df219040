"""The rules of the tree, as pure functions: file list in, one line per violation out.

A tree is a dict from a path, relative to the repository's root, to the file's text.
"""

import pathlib
import re

MAX_LINES = 500
SOURCE = re.compile(r"\.(h|cc)$")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)

# The arrows of docs/ARCHITECTURE.md: what a folder may include, besides itself. A name with a slash at its end is a
# folder; the other is a single header, because core/model is closed to everyone but training and its own tests.
BASE = ["core/base/"]
SAMPLING = ["core/sampling/"] + BASE
FILES = ["core/files/"] + BASE
TEXT = ["core/text/"] + FILES
CORPUS = ["core/corpus/"] + TEXT
SEAM = ["core/language_model/"] + SAMPLING
DECODE = ["core/decode/"] + SEAM
ENGINE = ["core/engine/"] + DECODE + TEXT
CHECKPOINT = ["core/checkpoint/"] + FILES
MODEL = ["core/model/load.h"]
PROTO = ["proto/", "pass_server/v1/"]
SERVER_BASE = ["server/logging.h", "server/metrics.h", "server/status_conversion.h"]
GATEWAY = ["server/gateway/"] + SERVER_BASE + ENGINE
ARROWS = {
    "core/base": [],
    "core/sampling": BASE,
    "core/files": BASE,
    "core/text": FILES,
    "core/corpus": TEXT,
    "core/language_model": SAMPLING,
    "core/checkpoint": FILES,
    "core/kernels": BASE,
    "core/model": SEAM + CHECKPOINT + ["core/kernels/"],
    "core/decode": SEAM,
    "core/engine": DECODE + TEXT,
    "core/train": ENGINE + CORPUS + CHECKPOINT + ["core/model/"],
    "server/gateway": GATEWAY,
    "server/dialects": ["server/config.h", "server/named_service.h"] + GATEWAY + PROTO,
    "server": ENGINE + MODEL,
    "client": PROTO,
    "bench": ["client/"] + ENGINE + CORPUS + MODEL + PROTO,
}
OUR_ROOTS = ("core/", "server/", "client/", "bench/", "tests/", "proto/", "pass_server/v1/")

TORCH = re.compile(r"^(torch|ATen|c10)/")
TORCH_HOMES = ("core/model/", "core/train/", "tests/core/model/", "tests/core/train/")
NOT_IN_CORE = re.compile(r"^(grpc|grpcpp|google/(protobuf|rpc)|spdlog|prometheus|proto|pass_server/v1)/")
# The fake model reads rows as the real one does, from the same torch-free header.
SHARED_WITH_FAKES = "core/language_model/read_out.h"

BANNED_NAMES = {"util", "utils", "common", "manager", "helper", "helpers", "impl"}
MACHINE_PATH = re.compile(r"(?<![\w.~}$)/-])/(home|root|work|tmp|Users|farm)/\w")
TEXT_FILE = re.compile(r"(\.(h|cc|cmake|md|py|sh|txt|json|proto|ya?ml)|(^|/)(Makefile|Dockerfile|run))$")


# Limits that clients meet, as server/grpc_server.cc sets them and as docs/OPERATIONS.md says them.
CONNECTION_LIMITS = [
    (r"HANDSHAKE_TIMEOUT_MS, ([\d']+)", "has not finished its handshake within {} seconds is closed"),
    (r"KEEPALIVE_TIME_MS, ([\d']+)", "the server pings after {} seconds without a word"),
    (r"KEEPALIVE_TIMEOUT_MS, ([\d']+)", "comes within {} seconds"),
    (r"PING_INTERVAL_WITHOUT_DATA_MS, ([\d']+)", "at most one every {} seconds, with or without calls"),
    (r"kMaxStreamsPerConnection = ([\d']+)", "at most {} calls at a time on one connection"),
]
SAID = [
    ("docs/OPERATIONS.md", "SIGHUP is not handled"),
    ("docs/OPERATIONS.md", "too_many_pings"),
    ("docs/OPERATIONS.md", "`ulimit -Hn`"),
    ("docs/OPERATIONS.md", "heads of a width that is a multiple of 16"),
    ("README.md", "heads whose width is no multiple of 16"),
]
LEAST_LIMIT_SECONDS = 600
TIME_LIMIT = re.compile(r"(?:\btimeout=|\.join\(|\.communicate\(|monotonic\(\) \+ |\bTIMEOUT )(\d+(?:\.\d+)?)\b")


def includes(tree):
    for path, text in tree.items():
        if SOURCE.search(path):
            for header in INCLUDE.findall(text):
                yield path, header


# A definition of a class, struct, union or enum: the body or the base follows the name, with attributes before it and
# `final` behind it. A forward declaration has neither, a specialisation has its arguments behind the name.
TYPE = re.compile(r"\b(?:class|struct|union|enum(?:\s+(?:class|struct))?)\s+(?:[A-Z_]+(?:\([^()]*\))?\s+)*"
                  r"(?:\[\[[^\]]*\]\]\s*)*(\w+)(?:\s+final)?\s*(?::(?!:)[^;{}()]*)?$")
NAMESPACE = re.compile(r"\b(?:inline\s+)?namespace\b\s*([\w:]*)\s*$")
NOT_CODE = re.compile(r"""//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)'(?:\\.|[^'\\\n])+'|"""
                      r"^[ \t]*#(?:\\\n|[^\n])*", re.DOTALL | re.MULTILINE)


def types_defined(text):
    """The qualified names of the types that a file defines at namespace scope, anonymous namespaces left out."""
    code = NOT_CODE.sub(" ", text)
    scopes = []  # of each open brace: the namespace that it opens, or None inside of anything else
    start = 0
    for brace in re.finditer(r"[{};]", code):
        head = code[start:brace.start()]
        start = brace.end()
        if brace.group() == "}":
            del scopes[-1:]
        if brace.group() != "{":
            continue
        namespace = NAMESPACE.search(head)
        scope = None
        if all(scopes) and namespace:
            scope = namespace.group(1) or None
        elif all(scopes) and (name := TYPE.search(head)):
            yield "::".join(scopes + [name.group(1)])
        scopes.append(scope)


def _folder(path):
    return next((folder for folder in ARROWS if path.startswith(folder + "/")), None)


def arrows(tree):
    """Each folder includes only what stands to its right."""
    for path, header in includes(tree):
        folder = _folder(path)
        if folder is None or not header.startswith(OUR_ROOTS):
            continue
        allowed = ARROWS[folder] + [folder + "/"]
        if not any(header == name or (name.endswith("/") and header.startswith(name)) for name in allowed):
            yield f"{path}: {folder} must not include {header}"


def dialects_are_apart(tree):
    """The gateway knows no generated message, a dialect knows no other dialect, and of the rest only main knows any."""
    for path, header in includes(tree):
        if path.startswith("server/gateway/") and header.endswith(".pb.h"):
            yield f"{path}: {header} is a dialect's, and the gateway serves all of them"
        if not path.startswith("server/") or path == "server/main.cc" or not header.startswith("server/dialects/"):
            continue
        if path.split("/")[:3] != header.split("/")[:3]:
            yield f"{path}: {header} is for server/main.cc and its own folder"


def one_type_one_name(tree):
    """Two types with one qualified name break the one-definition rule, in silence, once they are linked together."""
    homes = {}
    for path in sorted(tree):
        if SOURCE.search(path) and path.startswith(("core/", "server/", "client/", "bench/")):
            for name in types_defined(tree[path]):
                homes.setdefault(name, []).append(path)
    for name, paths in homes.items():
        if len(paths) > 1:
            yield f"{', '.join(paths)}: each defines a type {name}"


def model_is_closed(tree):
    """Outside core/model only load.h is seen; its tests and training are named exceptions."""
    for path, header in includes(tree):
        if not header.startswith("core/model/") or header in MODEL or path.startswith(TORCH_HOMES):
            continue
        yield f"{path}: {header} is private to core/model"


def torch_headers(tree):
    """Torch's headers bring their own protobuf, fmt and LOG macros: they stay in the folders made for them."""
    for path, header in includes(tree):
        if TORCH.match(header) and not path.startswith(TORCH_HOMES):
            yield f"{path}: torch header {header}"


def core_is_bare(tree):
    """core knows no gRPC, Protobuf, spdlog or Prometheus."""
    for path, header in includes(tree):
        if path.startswith("core/") and NOT_IN_CORE.match(header):
            yield f"{path}: {header} inside core"


def no_parent_includes(tree):
    """An include line is the path of the file from the root."""
    for path, header in includes(tree):
        if ".." in header.split("/"):
            yield f"{path}: include from the root, not {header}"


def short_files(tree):
    for path, text in tree.items():
        lines = text.count("\n")
        if (SOURCE.search(path) or path.endswith(".py")) and lines > MAX_LINES:
            yield f"{path}: {lines} lines, at most {MAX_LINES}"


def every_test_is_built(tree):
    """Each *_test.cc stands, by its name or its stem, in the CMakeLists.txt of its own folder or of one above it."""
    for path in tree:
        if not (path.startswith("tests/") and path.endswith("_test.cc")):
            continue
        parts = path.split("/")
        named = False
        for depth in range(1, len(parts)):
            lists = "/".join(parts[:depth] + ["CMakeLists.txt"])
            name = "/".join(parts[depth:])
            words = re.sub(r"#.*", "", tree.get(lists, "")).replace("(", " ").replace(")", " ").split()
            named = named or name in words or name.removesuffix(".cc") in words
        if not named:
            yield f"{path}: in no CMakeLists.txt, so it never runs"


def every_python_test_is_run(tree):
    """Each Python test is found by a glob of scripts/test.sh or lies in a folder that a script hands to pytest."""
    found = []
    for script in ("scripts/test.sh", "scripts/deploy_check.sh"):
        for word in re.findall(r"(?<![\w/.])tests/[\w/*.]+", tree.get(script, "")):
            found.append(word if word.endswith(".py") else f"{word}/test_*.py")
    for path in tree:
        name = path.rpartition("/")[2]
        if not path.startswith("tests/") or not re.fullmatch(r"test_\w+\.py|\w+_test\.py", name):
            continue
        if path.startswith("tests/policy/") or any(pathlib.PurePosixPath(path).match(glob) for glob in found):
            continue  # ctest runs the one of tests/policy
        yield f"{path}: no script runs it"


def limits_are_generous(tree):
    """No limit of time for work in a test is so short that a slow and busy machine meets it."""
    for path, text in tree.items():
        python = path.endswith(".py") and (path.startswith("tests/") or path.startswith("scripts/"))
        if path.startswith("tests/policy/") and python:
            continue  # the rules themselves
        if not python and not (path.startswith("tests/") and path.endswith("CMakeLists.txt")):
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if any(float(limit) < LEAST_LIMIT_SECONDS for limit in TIME_LIMIT.findall(line)):
                yield f"{path}:{number}: a limit below {LEAST_LIMIT_SECONDS} s; a hang alone should meet it"


def no_settings_from_scripts(tree):
    """PASS_ variables are flags of the programs: what is meant for tests and scripts has another prefix."""
    for path, text in tree.items():
        if not path.startswith(("scripts/", ".ci/", "tests/e2e/", "tests/tools/")) and path != "Makefile":
            continue
        for name in re.findall(r"\bPASS_[A-Z_]+(?==)", text) + re.findall(r"environ(?:\.get\(|\[)[\"'](PASS_\w+)", text):
            yield f"{path}: the variable {name} is a flag of the programs"


def no_machine_paths(tree):
    for path, text in tree.items():
        if path.startswith("tests/policy/") or not TEXT_FILE.search(path):
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.startswith("#!") and MACHINE_PATH.search(line):
                yield f"{path}:{number}: a path of one machine"


def plain_names(tree):
    for path in tree:
        words = re.split(r"[/_.\-]", path)
        for word in sorted(BANNED_NAMES.intersection(words)):
            yield f"{path}: '{word}' says nothing about what the file holds"


def said(tree):
    """What somebody met without having been told stands in the documents."""
    for path, words in SAID:
        if path in tree and words not in tree[path]:
            yield f"{path}: '{words}' is said nowhere"


def _spoken(number):
    """Milliseconds of a C++ constant as seconds; a smaller number as it is."""
    value = int(number.replace("'", ""))
    return value // 1000 if value >= 1000 else value


def documented(tree):
    """Every flag, every metric and every limit of connections stands in docs/OPERATIONS.md."""
    page = tree.get("docs/OPERATIONS.md", "")
    for flag in re.findall(r'\.Add\("([a-z-]+)"', tree.get("server/config.cc", "")):
        if f"`--{flag}`" not in page:
            yield f"server/config.cc: --{flag} is not in docs/OPERATIONS.md"
    for pattern, sentence in CONNECTION_LIMITS:
        value = re.search(pattern, tree.get("server/grpc_server.cc", ""))
        if value and sentence.format(_spoken(value[1])) not in page:
            yield f"server/grpc_server.cc: '{sentence.format(_spoken(value[1]))}' is not in docs/OPERATIONS.md"
    for metric in re.findall(r'\w+\(\s*\*registry,\s*"([a-z_]+)"', tree.get("server/metric_series.cc", "")):
        if f"`pass_{metric}`" not in page:
            yield f"server/metric_series.cc: pass_{metric} is not in docs/OPERATIONS.md"


RULES = [arrows, dialects_are_apart, one_type_one_name, model_is_closed, torch_headers, core_is_bare,
         no_parent_includes, short_files, every_test_is_built, every_python_test_is_run, limits_are_generous,
         no_settings_from_scripts, no_machine_paths, plain_names, documented, said]


def check(tree):
    return [violation for rule in RULES for violation in rule(tree)]
