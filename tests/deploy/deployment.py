"""Where deploy/ is, which programs check it, and how they are run."""

import os
import pathlib
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
CHART = DEPLOY / "helm" / "pass-server"
RULES = CHART / "files" / "rules"
BOARDS = CHART / "files" / "boards"
TOOLS = pathlib.Path(os.environ.get("VENV_DEPLOY", REPOSITORY / ".venv-deploy"))
COMMAND_SECONDS = 1800  # nothing takes so long: a hang fails instead of blocking


def run(*command, **options):
    """Runs a program of the tools' folder; returns the finished process, whatever its exit code."""
    program = TOOLS / "bin" / command[0]
    assert program.exists(), f"{program} is missing: run scripts/deps.sh deploy"
    options.setdefault("cwd", REPOSITORY)
    return subprocess.run(
        [str(program), *map(str, command[1:])],
        capture_output=True,
        encoding="utf-8",
        timeout=COMMAND_SECONDS,
        check=False,
        **options,
    )


def succeed(*command, **options):
    """The same for a program that must succeed; returns its standard output."""
    result = run(*command, **options)
    assert result.returncode == 0, f"{' '.join(map(str, command))}\n{result.stdout}\n{result.stderr}"
    return result.stdout
