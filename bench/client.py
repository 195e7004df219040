"""pass-client as a function, for the scripts of this folder."""

import json
import pathlib
import subprocess


def call(folder, address, command, *flags, text):
    """The summary that pass-client of `folder` prints last."""
    done = subprocess.run(
        [pathlib.Path(folder) / "pass-client", command, "--address", address, "--prompt-file", "-", "--json", *flags],
        input=text,
        stdout=subprocess.PIPE,
        check=True,
        encoding="utf-8",
    )
    return json.loads(done.stdout.splitlines()[-1])
