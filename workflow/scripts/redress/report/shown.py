"""What people see things called, and how they look: what figures, summary and page are told of a config."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from redress.formats.measures import Measure, measures
from redress.report.styles import Style, styles_of

UNITS = {"fraction": "%", "ratio": ""}
"""What readers see of a unit; others as they are called."""


@dataclass(frozen=True)
class Overview:
    """A figure that looks at a dataset as a whole."""

    kind: str
    """`plane`, `false_positives`, `discovery`, `precision_recall` or `recovered`."""
    dataset: str
    told: Mapping[str, Any]
    """What it is drawn of: `manipulations` and `discoveries` in order, and what a kind has beside that."""

    def of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Those of the selected models that it shows."""
        here = (rows["dataset"] == self.dataset) & rows["manipulation"].isin(self.told["manipulations"])
        return rows[here & rows["discovery"].isin(self.told["discoveries"])]

    def scenarios(self, rows: pd.DataFrame) -> dict[tuple[str, int], str]:
        """Every (manipulation, n) of these, n ascending, and its name, with n where one has several."""
        found = [
            (manipulation, int(n))
            for manipulation in self.told["manipulations"]
            for n in sorted(rows.loc[rows["manipulation"] == manipulation, "n_manipulated"].unique())
        ]
        several = len({manipulation for manipulation, _ in found}) < len(found)
        return {(name, n): f"{name}, n = {n}" if several else name for name, n in found}


@dataclass(frozen=True)
class Shown:
    """Names for readers, looks and what to draw."""

    styles: Mapping[str, Style]
    """Looks and labels of methods, in the order of legends."""
    datasets: Mapping[str, str]
    """Labels of datasets."""
    words: Mapping[str, Mapping[str, str]]
    """What each manipulation calls its `affected` and `unaffected` images."""
    figures: Mapping[str, tuple[str, str]]
    """Figures of curves to draw: name to (manipulation, measure)."""
    measures: Mapping[str, Measure]
    makers: tuple[str, ...]
    """Makers of original models; the first is the default."""
    discoveries: tuple[str, ...]
    overviews: Mapping[str, Overview] = field(default_factory=dict)
    """Further figures to draw, by name."""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Shown":
        """From what `redress.plan.experiment.Experiment.shown` says."""
        return cls(
            styles=styles_of(content["methods"]),
            datasets=dict(content["datasets"]),
            words=content["manipulations"],
            figures={name: tuple(figure) for name, figure in content["figures"] if len(figure) == 2},
            measures=measures(content["measures"]),
            makers=tuple(content["makers"]),
            discoveries=tuple(content["discoveries"]),
            overviews={name: Overview(*figure) for name, figure in content["figures"] if len(figure) == 3},
        )

    def axis(self, manipulation: str, measure: str) -> str:
        """What a figure's axis says of a measure under a manipulation, with its unit."""
        text = self.measures[measure].axis
        for name, word in self.words[manipulation].items():
            text = text.replace(f"{{{name}}}", word)
        return titled(text, self.measures[measure].unit)

    def original(self, maker: str) -> str:
        """What the original model of a maker is called beside the methods."""
        return "None (original)" if maker == self.makers[0] else f"None (original, {maker})"

    def scenario(self, dataset: str, manipulation: str, n: int) -> str:
        """What a scenario is called."""
        return f"{self.datasets[dataset]}, {manipulation}, n = {int(n):,}"


def titled(label: str, unit: str) -> str:
    """A label with its unit in brackets, unless it names it itself."""
    seen = UNITS.get(unit, unit)
    return label if not seen or label.endswith(f"({seen})") else f"{label} ({seen})"


def scale(unit: str) -> int:
    """What values of a unit are multiplied by to be shown: fractions are in percent."""
    return 100 if unit == "fraction" else 1
