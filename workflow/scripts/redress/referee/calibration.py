"""Is the judge right? What it says of a scenario when told what a user knows, beside what it was not told."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom

from redress.formats import files
from redress.formats.block import Block
from redress.formats.contents import DeletionSet, Predictions, TrainingView, Truth
from redress.formats.errors import BadInputError
from redress.formats.identity import Identity
from redress.formats.measures import accuracy
from redress.formats.rules import choose
from redress.judge import UNKNOWN, Candidate, Case, Judgement, Outcome, Settings, judge, shortlist
from redress.judge.figures import ABSENT, held_out
from redress.judge.rates import rate

TODAY = {"validation_accuracy": 0.5, "deletion_change": 0.5}
"""What the benchmark selects by, unless a config says otherwise."""

ALL = "all"
"""In the place of a method: a user who has tried every one of them."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Fact:
    """What is so of one model: fractions, None where there is nothing to measure."""

    healed: float | None
    """Accuracy on what nobody found of S_m, by true labels."""
    changed: float | None
    """The share of those whose given label is no longer predicted."""
    n: int
    """How many these are."""
    affected: float | None
    """Accuracy on test images of D_m."""
    utility: float
    """Accuracy on the other test images."""

    @property
    def repair(self) -> float:
        """What a repair is for: what nobody found or, where all is found, D_m."""
        known = self.affected if self.healed is None else self.healed
        return 0.0 if known is None else known

    @property
    def worth(self) -> float:
        """Utility times repair."""
        return self.utility * self.repair


@dataclass(frozen=True)
class Scenario:
    """One deletion set with all that was made of it, as a judge and as the referee see it."""

    names: Row
    case: Case
    original: Outcome
    candidates: tuple[Candidate, ...]
    of_original: Fact
    facts: tuple[Fact | None, ...]
    """Of each candidate; None of one that has diverged."""

    def __post_init__(self) -> None:
        assert len(self.facts) == len(self.candidates)


def scenarios(
    original: Identity, blocks: Iterable[Block], whole: str, folds: Sequence[str]
) -> Iterator[Scenario]:
    """Every deletion set of the discovery `whole` with what was made without each of `folds`.

    `folds` are discoveries that find the same less a part. Raises BadInputError where they do not part S_f.
    """
    truth, (view, _) = Truth.load(original), TrainingView.load(original)
    pictures, _ = files.load_arrays(original.path("pictures"), Identity(original.dataset))
    labels = pictures["validation_labels"]
    of_original = Predictions.load("predictions", original)
    own = [block for block in blocks if block.discovery == whole]
    for share in dict.fromkeys(share for block in own for share in block.shares):
        cell = original.having(discovery=whole, share=share, expansion=own[0].expansion)
        found = DeletionSet.load(cell)[0].indices
        left = [DeletionSet.load(cell.having(discovery=fold))[0].indices for fold in folds]
        absent = np.array([~np.isin(found, known) for known in left])
        if not (absent.sum(0) == 1).all() or any(len(np.setdiff1d(known, found)) for known in left):
            raise BadInputError(f"{', '.join(folds)}: do not leave out every sample of {whole} once")
        at = np.array([np.flatnonzero(truth.manipulated == sample)[0] for sample in found])

        def outcome(predictions: Predictions, at: np.ndarray = at) -> Outcome:
            if predictions.diverged:
                return Outcome(np.empty(0), np.empty(0), True)
            return Outcome(predictions.validation, predictions.probes[truth.probes["manipulated"]][at])

        candidates, facts = [], []
        for block in own:
            for name in block.candidates:
                cell = cell.having(method=block.method, candidate=name)
                made = Predictions.load("candidate", cell)
                again = [Predictions.load("candidate", cell.having(discovery=fold)) for fold in folds]
                about = made.about
                candidates.append(
                    Candidate(
                        block.method,
                        about["hyperparameters"],
                        about["unlearn_seconds"],
                        outcome(made),
                        {k: outcome(one) for k, one in enumerate(again)},
                    )
                )
                facts.append(None if made.diverged else _fact(made, truth, found))
        yield Scenario(
            names={
                "dataset": original.dataset,
                "manipulation": original.manipulation,
                "n_manipulated": original.n,
                "seed": original.seed,
                "deletion_fraction": float(share),
            },
            case=Case(
                ids=tuple(map(str, found)),
                classes=tuple(map(str, range(int(labels.max()) + 1))),
                validation_labels=labels,
                trusted=True,
                bad_given=view.given_labels[found],
                bad_true=truth.true_labels[found],
                fold=absent.argmax(0),
            ),
            original=outcome(of_original),
            candidates=tuple(candidates),
            of_original=_fact(of_original, truth, found),
            facts=tuple(facts),
        )


def _fact(predictions: Predictions, truth: Truth, found: np.ndarray) -> Fact:
    """What is so of a model, of the samples of S_m that have another label than their true one."""
    true, given = truth.true_labels[truth.manipulated], truth.given_labels[truth.manipulated]
    rest = ~np.isin(truth.manipulated, found) & (true != given)
    predicted = predictions.probes[truth.probes["manipulated"]]
    on = {name: predictions.probes[truth.probes[name]] for name in ("affected", "unaffected")}
    return Fact(
        healed=accuracy(predicted[rest], true[rest]),
        changed=float(np.mean(predicted[rest] != given[rest])) if rest.any() else None,
        n=int(rest.sum()),
        affected=accuracy(on["affected"], truth.test_labels[truth.affected]),
        utility=accuracy(on["unaffected"], truth.test_labels[truth.unaffected]) or 0.0,
    )


def estimates(scenario: Scenario) -> Iterator[Row]:
    """For each candidate what a judge and what its in-sample figure would say, beside what is so."""
    case = scenario.case
    counted = case.mislabelled
    for candidate, fact in zip(scenario.candidates, scenario.facts, strict=True):
        predicted = held_out(case, candidate)
        if fact is None or not counted.any() or (predicted == ABSENT).any():
            continue
        held = rate(predicted == case.bad_true, counted, parts=case.fold)
        kept = rate(predicted != case.bad_given, counted, parts=case.fold)
        yield {
            **scenario.names,
            "method": candidate.method,
            "hyperparameters": dict(candidate.hyperparameters),
            "m": held.n,
            "held_out": held.estimate,
            "low": held.low,
            "high": held.high,
            "in_sample": accuracy(candidate.whole.bad[counted], case.bad_true[counted]),
            "held_out_changed": kept.estimate,
            "validation": accuracy(candidate.whole.validation, case.validation_labels),
            "undiscovered": fact.healed,
            "undiscovered_n": fact.n,
            "undiscovered_changed": fact.changed,
            "affected": fact.affected,
            "utility": fact.utility,
        }


def verdicts(scenario: Scenario, settings: Settings) -> Iterator[Row]:
    """What the judge says to users who tried all methods or one, and know true labels or none."""
    nobody = np.full(scenario.case.m, UNKNOWN)
    methods = dict.fromkeys(one.method for one in scenario.candidates)
    for labels, tried in product((True, False), (ALL, *methods)):
        case = scenario.case if labels else replace(scenario.case, bad_true=nobody)
        own = [at for at, one in enumerate(scenario.candidates) if tried in (ALL, one.method)]
        given = [scenario.candidates[at] for at in own]
        listed = shortlist(case, scenario.original, given, settings)
        shown = [one if at in listed else replace(one, folds={}) for at, one in enumerate(given)]
        judgement = judge(case, scenario.original, shown, settings)
        facts = [scenario.facts[at] for at in own]
        yield {
            **scenario.names,
            "tried": tried,
            "true_labels": labels,
            **_said(judgement, given, settings),
            **_known(judgement, scenario.of_original, facts),
            **_regrets(judgement, case, scenario, given, facts, settings),
        }


def _said(judgement: Judgement, given: Sequence[Candidate], settings: Settings) -> Row:
    verdict, at = judgement.verdict, judgement.choice.chosen
    return {
        "status": judgement.status,
        "method": None if at is None else given[at].method,
        "hyperparameters": None if at is None else dict(given[at].hyperparameters),
        "candidates": judgement.choice.tried,
        "m": len(judgement.reported),
        "level": judgement.level,
        "held_out": None if verdict is None else verdict.repair.n,
        "before": None if verdict is None else verdict.before.estimate,
        "estimate": None if verdict is None else verdict.repair.estimate,
        "low": None if verdict is None else verdict.repair.low,
        "high": None if verdict is None else verdict.repair.high,
        "index": None if verdict is None else verdict.index[0],
    }


def _known(judgement: Judgement, before: Fact, facts: Sequence[Fact | None]) -> Row:
    """What is so of the chosen candidate."""
    fact = None if judgement.choice.chosen is None else facts[judgement.choice.chosen]
    healed = judgement.goal == "healed"
    return {
        "undiscovered": None if fact is None else fact.healed if healed else fact.changed,
        "undiscovered_healed": None if fact is None else fact.healed,
        "affected": None if fact is None else fact.affected,
        "undiscovered_before": before.healed,
        "affected_before": before.affected,
        "utility": None if fact is None else fact.utility,
        "utility_before": before.utility,
    }


def _regrets(
    judgement: Judgement,
    case: Case,
    scenario: Scenario,
    given: Sequence[Candidate],
    facts: Sequence[Fact | None],
    settings: Settings,
) -> Row:
    """Utility times repair of what the judge, today's score and an oracle would take, or keep: M_o.

    `chosen` is taken whatever the verdict, `taken` only by a good one, `offered` for more than is tolerated.
    """
    before = scenario.of_original
    alive = {at: fact for at, fact in enumerate(facts) if fact is not None}
    taken = judgement.chosen if judgement.take else None
    offered = taken if judgement.choice.offer is None else judgement.choice.offer
    today = choose("equal_weight", [_values(case, one) for one in given], TODAY)
    least = before.utility - settings.utility_tolerance
    allowed = [fact.worth for fact in alive.values() if round(fact.utility - least, 12) >= 0]
    return {
        "worth_before": before.worth,
        "worth_chosen": before.worth
        if judgement.choice.chosen is None
        else alive[judgement.choice.chosen].worth,
        "worth_taken": before.worth if taken is None else alive[taken].worth,
        "worth_offered": before.worth if offered is None else alive[offered].worth,
        "worth_today": before.worth if today is None else alive[today].worth,
        "worth_oracle": max([before.worth, *(fact.worth for fact in alive.values())]),
        "worth_oracle_within_tolerance": max([before.worth, *allowed]),
    }


def _values(case: Case, candidate: Candidate) -> Mapping[str, float | None]:
    """The developer's measures of a candidate, as the benchmark's rules of selection read them."""
    if candidate.whole.diverged:
        return dict.fromkeys(TODAY)
    change = float(np.mean(candidate.whole.bad != case.bad_given))
    return {
        "validation_accuracy": accuracy(candidate.whole.validation, case.validation_labels),
        "deletion_change": change,
    }


CELL = ["dataset", "manipulation", "deletion_fraction"]


def summary(estimates: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """A row per scenario and share, and one for all of them: what the judge is worth.

    Biases are means of estimate less truth, fractions, over candidates: above 0 is the bright side. Coverage
    is the share of 95 % intervals that hold the truth. Worths are means over seeds, of users who tried
    everything and know true labels.
    """
    everyone = verdicts[(verdicts["tried"] == ALL) & verdicts["true_labels"]]
    rows = []
    for key in [*dict.fromkeys(estimates[CELL].itertuples(index=False, name=None)), (None,) * len(CELL)]:
        names = dict(zip(CELL, key, strict=True))
        rows.append({**names, **_summed(_at(estimates, names), _at(everyone, names))})
    return pd.DataFrame(rows)


def _at(rows: pd.DataFrame, names: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of a scenario; of all, where its names are None."""
    for column, value in names.items():
        rows = rows if value is None else rows[rows[column] == value]
    return rows


def _summed(estimates: pd.DataFrame, verdicts: pd.DataFrame) -> Row:
    known = estimates.dropna(subset=["undiscovered"])
    truth = known["undiscovered"]
    off, off_in_sample = known["held_out"] - truth, known["in_sample"] - truth
    columns = ["m", "held_out", "undiscovered_n", "undiscovered"]
    counts = [
        (int(m), round(m * one), int(n), round(n * other))
        for m, one, n, other in known[columns].itertuples(index=False, name=None)
    ]
    judged = verdicts.dropna(subset=["estimate", "undiscovered"])
    return {
        "seeds": estimates["seed"].nunique(),
        "candidates": len(known),
        "bias": off.mean(),
        "bias_in_sample": off_in_sample.mean(),
        "error": off.abs().mean(),
        "error_in_sample": off_in_sample.abs().mean(),
        "coverage": truth.between(known["low"], known["high"]).mean(),
        "coverage_expected": np.mean([_expected(*row) for row in counts]) if len(counts) else None,
        "too_bright": (truth < known["low"]).mean(),
        "bias_on_affected": (estimates["held_out"] - estimates["affected"]).mean(),
        "verdicts": len(judged),
        "verdict_bias": (judged["estimate"] - judged["undiscovered"]).mean(),
        "verdict_coverage": judged["undiscovered"].between(judged["low"], judged["high"]).mean(),
        **{str(name): worth for name, worth in verdicts.filter(like="worth_").mean().items()},
    }


def _expected(m: int, held: int, n: int, healed: int) -> float:
    """How often the interval of m samples holds the share of n others if both come from one rate.

    The truth is itself a count of few samples, so that even a perfect judge's intervals miss it more often
    than in one case of twenty. That rate is taken from both.
    """
    common = (held + healed) / (m + n)
    of_m, of_n = (binom.pmf(np.arange(k + 1), k, common) for k in (m, n))
    shares = np.arange(n + 1) / n
    ends = [rate(np.arange(m) < hits).interval for hits in range(m + 1)]
    inside = np.array([(low <= shares) & (shares <= high) for low, high in ends])
    return float(of_m @ inside @ of_n)
