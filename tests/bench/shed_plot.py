"""The plot of the overload bench."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["draw"]

COLOURS = {"none": "#b3412e", "oldest": "#2b6ca3", "frames": "#3b8a4f"}
PANELS = (
    ("share of the items offered that was answered", lambda load: 100 * load["answered"] / load["offered"], "%"),
    ("lag when sending ended", lambda load: load["lag_s"], "s"),
    ("close to stored, 99th percentile", lambda load: load["p99_s"], "s"),
)


def draw(loads: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write an SVG, and beside it nothing."""
    import matplotlib as mpl  # noqa: PLC0415 - only `make bench` installs it, and the tests import this package

    mpl.use("svg")
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "braid", "font.size": 9, "font.family": "sans-serif"}
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(1, len(PANELS), figsize=(10, 3.2), layout="constrained")
    for axis, (title, value, unit) in zip(axes, PANELS, strict=True):
        for policy, colour in COLOURS.items():
            of_policy = [load for load in loads if load["policy"] == policy]
            factors = [load["factor"] for load in of_policy]
            axis.plot(factors, [value(load) for load in of_policy], color=colour, marker="o", ms=4, label=policy)
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("offered load, times capacity")
        axis.set_ylabel(unit)
        axis.set_ylim(bottom=0)
        axis.grid(visible=True, alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(title="overload.shed", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)
