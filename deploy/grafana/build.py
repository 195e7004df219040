"""Writes the boards as JSON: build.py [FOLDER]. The folder of the chart's boards by default."""

import json
import pathlib
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from overview import overview
from speculation import speculation

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "helm" / "pass-server" / "files" / "boards"
BOARDS = {"overview": overview, "speculation": speculation}


def texts():
    """{file name: JSON} of all boards."""
    return {
        f"{name}.json": JSONEncoder(sort_keys=True, indent=1).encode(make().build()) + "\n"
        for name, make in BOARDS.items()
    }


def main(folder):
    for name, text in texts().items():
        json.loads(text)
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
