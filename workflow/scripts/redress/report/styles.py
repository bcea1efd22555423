"""How methods look: one colour and one marker each, the same in every figure and chart."""

from collections.abc import Mapping
from dataclasses import dataclass

# Okabe and Ito's palette, told apart with any colour vision; black is the original model's.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#7F5F3F", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


@dataclass(frozen=True)
class Style:
    """A method's looks."""

    label: str
    color: str
    """Six hexadecimal digits after a #."""
    marker: str
    """As matplotlib names it."""


def styles_of(methods: list[tuple[str, Mapping[str, str]]]) -> dict[str, Style]:
    """A style for every (method, what config says of it); what is left out is handed out in order."""
    taken = {key: {given[key] for _, given in methods if key in given} for key in ("color", "marker")}
    free = {
        "color": [color for color in PALETTE if color not in taken["color"]] or list(PALETTE),
        "marker": [marker for marker in MARKERS if marker not in taken["marker"]] or list(MARKERS),
    }
    styles = {}
    for number, (name, given) in enumerate(methods, 1):
        chosen = {"label": name.upper(), **given}
        for key, left in free.items():
            if key not in chosen:
                chosen[key] = left[0]
                left.append(left.pop(0))
        if number % len(MARKERS) == 0:
            # Out of step with the colours, so that a ninth method does not look like the first.
            free["marker"].append(free["marker"].pop(0))
        styles[name] = Style(**chosen)
    return styles
