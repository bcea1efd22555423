"""What a user reads of a correction: a page, verdict first, and a model card for whoever gets the weights."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from matplotlib.figure import Figure

from redress.formats import products
from redress.formats.correction import Check
from redress.formats.identity import Identity
from redress.judge import Candidate, Case, Judgement, Outcome, Settings
from redress.judge.budget import LeftOut
from redress.judge.choice import judged, repaired
from redress.judge.figures import ABSENT, Fate, asked_of, fate, held_out
from redress.judge.rates import Rate, rate
from redress.judge.rounds import Round
from redress.judge.verdict import percent, spoken
from redress.judge.writing import headline
from redress.report import rehearsed
from redress.report.page import PARTS, number
from redress.report.paper import new_figure, paper
from redress.report.styles import Style, styles_of

LIMITS = (
    "A manipulation of which no sample has been found: all that is known here is known from the found ones.",
    "What happens at test time with a trigger that none of the found samples carries.",
    "Whether the samples can still be read out of the weights: this is correction, not privacy.",
    "Held-out samples are repaired by models that know less than the final one, so the estimate is low rather"
    " than high; intervals allow for how far these models differ, as far as so few of them show it.",
)
"""What no verdict shows, whatever its word."""

STYLE_SHEET = """.suspects figure { width: 9rem; margin: .6rem 0; }
.suspects figcaption { font-size: .8rem; overflow-wrap: anywhere; }
.suspects img { width: 6rem; image-rendering: pixelated; }
"""


@dataclass(frozen=True)
class Suspect:
    """A sample that nobody has called bad."""

    id: str
    png: bytes
    words: str
    """Its given and its suggested label, say."""


@dataclass(frozen=True)
class About:
    """What a page says beside the judgement."""

    case: str
    provenance: Mapping[str, Any]
    checks: Sequence[Check] = ()
    suspects: Sequence[Suspect] = ()
    expected: str = ""
    """How many bad samples there may be, in a sentence."""
    rehearsal: Mapping[str, Any] | None = None
    """How well verdicts predicted what was planted, see `redress.referee.rehearsal.summary`."""
    rounds: Sequence[Round] = ()
    """What was said of earlier lists of this case, and of this one."""
    left_out: Sequence[LeftOut] = ()
    """What there was no time for."""
    unfinished: Sequence[str] = ()
    """What is missing of a correction of which jobs failed, in sentences; none of one that is finished."""
    loading: str = ""
    """Lines of Python by which the user's own code loads the weights."""
    command: str = ""
    styles: Sequence[tuple[str, Mapping[str, str]]] = field(default=())
    """(method, its `style` in config): labels and looks."""


@dataclass(frozen=True)
class Correction:
    """A case with its judgement."""

    case: Case
    original: Outcome
    candidates: Sequence[Candidate]
    judgement: Judgement
    settings: Settings
    about: About

    @property
    def headline(self) -> str:
        """The verdict in one sentence."""
        labels = {one.method: self.style(one.method).label for one in self.candidates}
        return headline(self.candidates, self.judgement, labels)

    def style(self, method: str) -> Style:
        """How a method looks and is called."""
        others = [one.method for one in self.candidates] + [one.method for one in self.about.left_out]
        others += [one.method for one in self.about.rounds if one.method]
        own = [*self.about.styles, *((name, {}) for name in others)]
        return styles_of(list({name: (name, given) for name, given in reversed(own)}.values())[::-1])[method]

    def write(self) -> None:
        """Write MODEL_CARD.md and report.html to the case's folder, results/corrections/<case>/."""
        folder = Path(Identity(self.about.case).path("verdict")).parent
        self.write_page(folder)
        with products.sealed(folder / "MODEL_CARD.md") as temporary:
            temporary.write_text(self.card(), encoding="utf-8")

    def write_page(self, folder: Path) -> None:
        """Write the page alone, to `folder`."""
        with products.sealed(folder / "report.html") as temporary:
            temporary.write_text(self.page(), encoding="utf-8")

    def page(self) -> str:
        """The page as HTML."""
        j, at = self.judgement, self.judgement.chosen
        return _template("correction.html.jinja").render(
            j=j,
            about=self.about,
            headline=self.headline,
            style_sheet=(PARTS / "page.css").read_text(encoding="utf-8") + STYLE_SHEET,
            facts=list(self._facts()),
            sections=list(self._sections()),
            chosen=None if at is None else j.figures[at],
            fates=list(self._fates()),
            rows=list(self.rows()),
            chart=self._chart(),
            rounds=list(self._rounds()),
            rounds_chart=self._rounds_chart(),
            rehearsal=self._rehearsal(),
            left_out=self._left_out(),
            limits=LIMITS,
        )

    def _left_out(self) -> list[str]:
        """What there was no time for: a line for all candidates of a method that lack the same."""
        lines: dict[tuple[str, str], list[str]] = {}
        for one in self.about.left_out:
            lines.setdefault((one.method, one.why), []).append(_words(one))
        return [
            f"{self.style(method).label}{f' ({words[0]})' if words[0] and len(words) == 1 else ''}"
            f"{f', {len(words)} candidates' if len(words) > 1 else ''}: {why}"
            for (method, why), words in lines.items()
        ]

    def card(self) -> str:
        """The model card as Markdown."""
        at = self.judgement.chosen
        one = None if at is None else self.candidates[at]
        return _template("model_card.md.jinja").render(
            j=self.judgement,
            about=self.about,
            case=self.case,
            headline=self.headline,
            method=None if one is None else self.style(one.method).label,
            hyperparameters="" if one is None else _words(one),
            figures=list(self._facts()),
            limits=LIMITS,
        )

    def _facts(self) -> Iterator[tuple[str, str]]:
        """What is to be known at a glance, as (what, how much)."""
        j, at = self.judgement, self.judgement.chosen
        if j.verdict is not None:
            yield f"Held-out bad samples {j.goal}", f"{percent(j.verdict.repair)}, level {j.level:.1%}"
            yield "Of the original model", percent(j.verdict.before)
            estimate, low, high = (min(one, 1.0) for one in j.verdict.index)
            yield "Damage undone", f"{100 * estimate:.0f} % ({100 * low:.0f} to {100 * high:.0f} %)"
        figures = None if at is None else j.figures[at]
        if figures is not None:
            yield "Validation accuracy before", percent(j.original.utility)
            yield "Validation accuracy after", percent(figures.utility)
            if figures.changed is not None:
                yield "Other training samples predicted otherwise", percent(figures.changed)
            if figures.worst_class is not None:
                worst = figures.worst_class
                yield "Class that lost most", f"{worst.name}, {100 * worst.lost:.1f} points"
        if at is not None:
            one = self.candidates[at]
            said = f" ({_words(one)})" if one.hyperparameters else ""
            yield "Method", f"{self.style(one.method).label}{said}, {one.seconds:.1f} seconds"
        counted = int(judged(self.case).sum())
        yield (
            "Bad samples",
            f"{self.case.m}, of which {counted} count and {self.case.labelled.sum()} have a true label",
        )
        tolerated = 100 * self.settings.utility_tolerance
        ran = [(one.method, dict(one.hyperparameters)) for one in self.candidates]
        never = sum((one.method, dict(one.hyperparameters)) not in ran for one in self.about.left_out)
        missed = f"; {never} {'was' if never == 1 else 'were'} not run for lack of time" if never else ""
        yield (
            "Candidates",
            f"{len(self.candidates)}, which may cost {tolerated:.1f} points of validation accuracy{missed}",
        )

    def _sections(self) -> Iterator[tuple[str, str]]:
        yield "why", "Why"
        if self.judgement.chosen is not None:
            yield "price", "Price by class"
        yield "candidates", "Candidates"
        if self.about.suspects:
            yield "suspects", "Suspects"
        if len(self.about.rounds) > 1:
            yield "rounds", "Rounds"
        if self.about.rehearsal:
            yield "rehearsal", "Rehearsal"
        yield "checks", "Checks"
        yield "limits", "What this cannot show"
        yield "provenance", "Provenance"

    def _fates(self) -> Iterator[tuple[str, Fate]]:
        j, at = self.judgement, self.judgement.chosen
        yield "Original", j.original.in_sample
        figures = None if at is None else j.figures[at]
        if at is None or figures is None:
            return
        asked = held_out(self.case, self.candidates[at]) != ABSENT
        if asked.any() and not asked.all():
            yield "Original, on those held out", fate(self.case, self.original.bad, asked)
        label = self.style(self.candidates[at].method).label
        if self.candidates[at].unseen:
            yield f"{label}, not trained on them", figures.held_out
            return
        yield f"{label}, not told of them", figures.held_out
        if figures.of_groups is not None:
            yield f"{label}, not told of their group", figures.of_groups
        yield f"{label}, told of them", figures.in_sample

    def rows(self) -> Iterator[dict[str, Any]]:
        """The candidates' lines, those with held-out figures first, the best repair first."""
        j, rows = self.judgement, []
        for at, (one, figures) in enumerate(zip(self.candidates, j.figures, strict=True)):
            predicted = held_out(self.case, one)
            remark = [j.objections[at]] if j.objections[at] else []
            if at == j.chosen:
                remark = [
                    ("chosen" if j.take else "best, not taken")
                    if j.first is None
                    else "ranks first, not judged"
                ]
            elif at in j.choice.tied:
                remark = ["tied with the best"]
            elif not one.folds and not one.unseen and not remark:
                remark = ["not on the shortlist"]
            if at == j.choice.offer:
                remark += ["would repair more"]
            rows.append(
                {
                    "method": self.style(one.method).label,
                    "name": one.method,
                    "hyperparameters": _words(one),
                    "held_out": self._repair(predicted, predicted != ABSENT, asked_of(self.case, one)),
                    "in_sample": None if figures is None else self._repair(one.whole.bad),
                    "lost": None if figures is None else 100 * figures.utility_lost,
                    "seconds": one.seconds,
                    "remark": ", ".join(remark),
                    "chosen": at == j.chosen,
                }
            )

        def repair(row: dict[str, Any]) -> tuple[float, float]:
            of = [
                row[name].estimate if row[name] is not None and row[name].n else -1.0
                for name in ("held_out", "in_sample")
            ]
            return -of[0], -of[1]

        yield from sorted(rows, key=repair)

    def _rounds(self) -> Iterator[dict[str, Any]]:
        """Rounds as they are read, where there were several."""
        for number_, one in enumerate(self.about.rounds if len(self.about.rounds) > 1 else (), 1):
            repair = in_all = ""
            if one.repair is not None:
                repair = spoken(one.repair, one.repair_low or 0.0, one.repair_high or 0.0, one.repair_n)
            if one.in_all is not None:
                in_all = f"{one.in_all:.0f} ({one.in_all_low or 0:.0f} to {one.in_all_high or 0:.0f})"
            yield {
                "number": number_,
                "listed": one.bad_samples,
                "status": one.status,
                "method": "" if one.method is None else self.style(one.method).label,
                "repair": repair,
                "lost": None if one.utility_lost is None else 100 * one.utility_lost,
                "in_all": in_all,
            }

    def _rounds_chart(self) -> str:
        """Repair over the length of the list as the address of a PNG; empty where there is no curve."""
        told = [one for one in self.about.rounds if one.repair is not None]
        if len(told) < 2:
            return ""
        with paper():
            figure = new_figure((4.6, 2.6))
            axes = figure.subplots()
            listed = [one.bad_samples for one in told]
            repair, low, high = (
                100 * np.array([getattr(one, name) for one in told], float)
                for name in ("repair", "repair_low", "repair_high")
            )
            axes.errorbar(listed, repair, [repair - low, high - repair], color="0.2", marker="o", capsize=2)
            axes.set(xlabel="Bad samples on the list", ylabel="Held-out ones repaired (%)", ylim=(-3, 103))
            axes.spines[["top", "right"]].set_visible(False)
            return _address(figure)

    def _rehearsal(self) -> dict[str, Any] | None:
        about = self.about.rehearsal
        if not about:
            return None
        told = about, lambda method: self.style(method).label
        return {"sentences": list(rehearsed.sentences(*told)), "rows": list(rehearsed.rows(*told))}

    def _repair(
        self, predicted: np.ndarray, asked: np.ndarray | None = None, parts: np.ndarray | None = None
    ) -> Rate:
        counted = judged(self.case) if asked is None else judged(self.case) & asked
        return rate(repaired(self.case, predicted), counted, parts=parts)

    def _chart(self) -> str:
        """Repair over cost as the address of a PNG; empty where nothing was held out."""
        rows = [row for row in self.rows() if row["held_out"].n and row["lost"] is not None]
        if not rows:
            return ""
        with paper():
            figure = new_figure((4.6, 3.0))
            axes = figure.subplots()
            drawn = set()
            for row in reversed(rows):  # the best on top
                style, one = self.style(row["name"]), row["held_out"]
                ends = [[100 * (one.estimate - one.low)], [100 * (one.high - one.estimate)]]
                axes.errorbar(
                    [row["lost"]],
                    [100 * one.estimate],
                    ends,
                    color=style.color,
                    marker=style.marker,
                    markersize=5,
                    linewidth=0.8,
                    capsize=2,
                    label=None if style.label in drawn else style.label,
                )
                drawn.add(style.label)
                if row["chosen"]:
                    axes.plot(
                        [row["lost"]], [100 * one.estimate], "o", ms=12, mfc="none", mec="black", mew=1.2
                    )
            tolerated = 100 * self.settings.utility_tolerance
            axes.axvline(tolerated, color="0.4", linewidth=0.8, linestyle="--")
            axes.annotate(" tolerated", (tolerated, 104), color="0.4", va="center")
            axes.set(
                xlabel="Validation accuracy lost (points)",
                ylabel=f"Held-out bad samples {self.judgement.goal} (%)",
                ylim=(-3, 109),
            )
            axes.spines[["top", "right"]].set_visible(False)
            figure.legend(loc="outside right upper", frameon=False)
            return _address(figure)


def data(png: bytes) -> str:
    """A PNG as a data address."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _address(figure: Figure) -> str:
    """A figure as the data address of a PNG."""
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=200, metadata={"Software": None})
    return data(written.getvalue())


def _words(one: Candidate | LeftOut) -> str:
    return ", ".join(f"{key} = {value}" for key, value in one.hyperparameters.items())


@cache
def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PARTS),
        autoescape=name.endswith(".html.jinja"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": number, "data": data, "percent": _percent}
    return environment.get_template(name)


def _percent(value: float, decimals: int = 1) -> str:
    return number(100 * value, decimals)
