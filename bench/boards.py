#!/usr/bin/env python3
"""Pictures of the Grafana boards with real data: the real server under load, a real Prometheus, each panel's own queries.

    .venv/bin/python bench/boards.py --model MODEL.gguf --lookahead-file F --prometheus PROGRAM --out docs [--minutes 6]

Drawn in the boards' layout with matplotlib, because no Grafana runs here: queries, units, titles and places are the boards',
the drawing is not. Prints the speed-up that the board shows at the end.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import matplotlib.ticker  # noqa: E402

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "scripts"))
from prompt_file import read_prompts  # noqa: E402
from prometheus_process import PrometheusProcess, board_expressions  # noqa: E402
from server_process import ServerProcess  # noqa: E402

FILES = REPOSITORY / "deploy" / "helm" / "pass-server" / "files"
BACKGROUND, PANEL, TEXT, FAINT = "#111217", "#181b1f", "#d8d9da", "#8e9196"
COLORS = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#fade2a", "#56a64b", "#e02f44"]
# Streams at a time through the run: quiet, busy, quiet again.
STREAMS = [1, 1, 4, 8, 8, 4, 2, 1]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--lookahead-file", required=True)
    parser.add_argument("--prometheus", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=6)
    parser.add_argument("--bin", default=str(REPOSITORY / "build" / "bin"))
    return parser.parse_args()


def code_and_prose():
    texts = []
    for name in ("code", "prose"):
        texts += read_prompts(REPOSITORY / "bench" / "prompts" / f"{name}.txt")
    return texts[::2] + texts[1::2]


class Load:
    """So many pass-client processes at a time, one request after another."""

    def __init__(self, client, address, prompts):
        self.client, self.address, self.prompts = client, address, prompts
        self.sent = 0
        self.running = []

    def start_one(self):
        sampled = ["--temperature", "0.8", "--top-k", "10"] if self.sent % 4 == 3 else ["--temperature", "0"]
        prompt = self.prompts[self.sent % len(self.prompts)]
        self.sent += 1
        command = [self.client, "generate", "--address", self.address, "--prompt-file", "-", "--max-tokens", "128"]
        process = subprocess.Popen([*command, *sampled], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        process.stdin.write(prompt.encode())
        process.stdin.close()
        self.running.append(process)

    def keep(self, streams, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.running = [process for process in self.running if process.poll() is None]
            while len(self.running) < streams:
                self.start_one()
            time.sleep(0.05)

    def finish(self):
        for process in self.running:
            process.wait()


def amount(value, unit):
    unit = unit or ""
    if unit == "percentunit":
        return f"{100 * value:.1f} %"
    if unit == "s":
        return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.1f} ms"
    suffix = unit.removeprefix("suffix:") if unit.startswith("suffix:") else {"reqps": " req/s"}.get(unit, "")
    return (f"{value:.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.2f}") + suffix


def legend_of(target, labels, panel):
    text = target.get("legendFormat") or panel["title"]
    for name, value in labels.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def unit_of(panel):
    return panel.get("fieldConfig", {}).get("defaults", {}).get("unit")


class Drawing:
    def __init__(self, prometheus, start, end):
        self.prometheus, self.start, self.end = prometheus, start, end

    def now(self, panel):
        """[(legend, value)] at the end of the run."""
        shown = []
        for target, expression in zip(panel["targets"], board_expressions(panel), strict=True):
            for labels, value in self.prometheus.query(expression):
                shown.append((legend_of(target, labels, panel), value, labels))
        return shown

    def panel(self, axes, panel):
        axes.set_facecolor(PANEL)
        for spine in axes.spines.values():
            spine.set_color("#2c3235")
        axes.set_title(panel["title"], loc="left", fontsize=9, color=TEXT, pad=4)
        axes.tick_params(colors=FAINT, labelsize=7)
        draw = {"timeseries": self.lines, "stat": self.stat, "bargauge": self.bars, "table": self.table}
        draw.get(panel["type"], self.states)(axes, panel)

    def stat(self, axes, panel):
        axes.set_xticks([])
        axes.set_yticks([])
        shown = self.now(panel)
        text = amount(shown[0][1], unit_of(panel)) if shown else "no traffic"
        axes.text(0.5, 0.45, text, ha="center", va="center", fontsize=20, color="#73bf69", transform=axes.transAxes)

    def lines(self, axes, panel):
        color = 0
        for target, expression in zip(panel["targets"], board_expressions(panel), strict=True):
            for labels, points in self.prometheus.query_range(expression, self.start, self.end, 5):
                times = [(t - self.start) / 60 for t, _ in points]
                axes.plot(times, [v for _, v in points], lw=1.2, color=COLORS[color % len(COLORS)],
                          label=legend_of(target, labels, panel))
                color += 1
        unit = unit_of(panel)
        axes.yaxis.set_major_formatter(lambda value, _: amount(value, unit))
        axes.set_xlim(0, (self.end - self.start) / 60)
        axes.set_ylim(bottom=0)
        axes.grid(color="#2c3235", lw=0.5)
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} min")
        if color:
            axes.legend(fontsize=6, ncol=min(color, 4), loc="upper left", frameon=False, labelcolor=TEXT)

    def bars(self, axes, panel):
        shown = self.now(panel)
        shown = [entry for entry in shown if entry[1] == entry[1]]
        key = next(iter(k for k in shown[0][2] if k in ("position", "batch", "le")), None) if shown else None
        if key:
            shown.sort(key=lambda entry: float(entry[2][key]))
        if key == "le":  # a cumulative histogram: each bar is its own bucket
            values = [value for _, value, _ in shown]
            shown = [(name, value - before, labels) for (name, value, labels), before in
                     zip(shown, [0, *values], strict=False)]
        shown = shown[:12]
        names = [name for name, _, _ in shown]
        axes.barh(range(len(shown)), [value for _, value, _ in shown], color=COLORS[0], height=0.6)
        for i, (_, value, _) in enumerate(shown):
            axes.text(value, i, " " + amount(value, unit_of(panel)), va="center", fontsize=7, color=TEXT)
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_xticks([])
        axes.margins(x=0.2)

    def states(self, axes, panel):
        rows = []
        for target, expression in zip(panel["targets"], board_expressions(panel), strict=True):
            for labels, points in self.prometheus.query_range(expression, self.start, self.end, 5):
                rows.append((legend_of(target, labels, panel), points))
        rows.sort(key=lambda row: float(row[0].split()[-1]))
        rows = rows[:5]
        for i, (_, points) in enumerate(rows):
            for t, value in points:
                axes.barh(i, 5 / 60, left=(t - self.start) / 60, height=0.7, color=COLORS[3] if value else COLORS[0])
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} min")
        axes.text(0.99, 1.03, "green: speculating, orange: plain", ha="right", fontsize=6, color=FAINT,
                  transform=axes.transAxes)

    def table(self, axes, panel):
        axes.set_xticks([])
        axes.set_yticks([])
        hidden = {"__name__", "job", "instance"}
        lines = ["    ".join(f"{k}: {v}" for k, v in labels.items() if k not in hidden) for _, _, labels in
                 self.now(panel)]
        axes.text(0.01, 0.5, "\n".join(lines), va="center", fontsize=8, color=TEXT, transform=axes.transAxes)

    def board(self, board, path):
        panels = [panel for panel in board["panels"] if panel["type"] != "row"]
        height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
        figure = plt.figure(figsize=(15, 0.36 * height + 0.6), facecolor=BACKGROUND)
        full = 0.36 * height + 0.6
        for row in (panel for panel in board["panels"] if panel["type"] == "row"):
            figure.text(0.012, 1 - (0.6 + 0.36 * (row["gridPos"]["y"] + 0.8)) / full, row["title"], fontsize=11,
                        color=TEXT, weight="bold")
        figure.text(0.012, 1 - 0.35 / full, board["title"], fontsize=14, color=TEXT)
        for panel in panels:
            g = panel["gridPos"]
            left, width = (g["x"] + 1.35) / 24.6, (g["w"] - 1.5) / 24.6
            bottom = 1 - (0.6 + 0.36 * (g["y"] + g["h"] - 0.85)) / full
            axes = figure.add_axes([left, bottom, width, 0.36 * (g["h"] - 1.7) / full])
            self.panel(axes, panel)
        figure.savefig(path, dpi=80, facecolor=BACKGROUND)
        plt.close(figure)


def main():
    arguments = parse_arguments()
    command = [f"{arguments.bin}/pass-server", "--model", arguments.model]
    command += ["--lookahead-file", arguments.lookahead_file]
    rules = sorted((FILES / "rules").glob("*.yaml"))
    with ServerProcess(command) as server, tempfile.TemporaryDirectory() as folder:
        targets = [server.addresses["metrics"]]
        with PrometheusProcess(arguments.prometheus, pathlib.Path(folder) / "p", targets, rules) as prometheus:
            start = time.time()
            load = Load(f"{arguments.bin}/pass-client", server.address, code_and_prose())
            for streams in STREAMS:
                load.keep(streams, 60 * arguments.minutes / len(STREAMS))
            drawing = Drawing(prometheus, start, time.time())
            for path in sorted((FILES / "boards").glob("*.json")):
                board = json.loads(path.read_text(encoding="utf-8"))
                drawing.board(board, pathlib.Path(arguments.out) / f"board_{path.stem}.png")
            speedup = prometheus.query("pass:speedup:rate5m")
            load.finish()
    print("decode speed-up on the board:", f"{speedup[0][1]:.2f}" if speedup else "no data")


if __name__ == "__main__":
    main()
