"""A right answer for a chart task, written from the reference alone."""

from __future__ import annotations

from tasks.base import Sample
from tasks.charts import references_of

_CALLS = {
    "bar": "plt.bar({x}, {y})",
    "line": "plt.plot({x}, {y})",
    "scatter": "plt.scatter({x}, {y})",
    "pie": "plt.pie({y})",
    "area": "plt.fill_between({x}, {y})",
    "radar": "plt.subplot(polar=True).plot({x}, {y})",
}


def plotting_code(sample: Sample) -> str:
    """Code that draws the reference series in the first kind of chart that the question accepts."""
    call = _CALLS[(sample.meta["kinds"] or ["bar"])[0]]
    lines = ["import matplotlib.pyplot as plt"]
    for series in references_of(str(sample.gold)):
        x, y = list(range(len(series))), ["float('nan')" if value is None else value for value in series]
        lines.append(call.format(x=x, y=f"[{', '.join(map(str, y))}]"))
    return "\n".join([*lines, "plt.show()"])
