"""How the pictures of docs/ look."""

STYLE = {
    "svg.hashsalt": "pass",  # the same figures give the same file
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.grid.axis": "y",
    "grid.color": "#e3e3e3",
    "axes.edgecolor": "#808080",
    "ytick.major.size": 0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "figure.facecolor": "white",
    "legend.frameon": False,
}
