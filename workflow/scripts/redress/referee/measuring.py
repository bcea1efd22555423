"""Measuring every model of one original against the truth: the only place where predictions meet it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from redress.formats import files
from redress.formats.block import Block, Place
from redress.formats.candidates import candidate_name
from redress.formats.contents import DeletionSet, Predictions, TrainingView, Truth
from redress.formats.errors import DamagedFileError
from redress.formats.identity import COLUMNS, PLAIN, Identity
from redress.formats.measures import Known, Measure, accuracy
from redress.formats.rules import choose, on_trial, takes
from redress.referee.attack import UNHARMED, attack_on

COSTS = ("unlearn_seconds", "preparation_seconds", "trial_seconds", "peak_memory_mb", "device")
OF_DISCOVERY = ("removal_train_discovered", "removal_train_undiscovered")
"""Measures that ask who was found: nobody was looking for a bound."""
HEALED = "healed S_f"
"""Accuracy on S_f by its true labels, for rules that are told it: no measure."""
ORACLE_BY = "removal_test"
"""The measure by which the best candidate is found that nobody could have chosen."""

Record = dict[str, Any]


class Referee:
    """The truth about one original model, with what the developer has beside it."""

    def __init__(self, original: Identity, measures: Mapping[str, Measure]):
        self._original, self._measures = original, measures
        pictures, about = files.load_arrays(original.path("pictures"), Identity(original.dataset))
        self._validation_labels = pictures["validation_labels"]
        self._view, _ = TrainingView.load(original)
        self._truth = Truth.load(original)
        weights = files.about_of(original.path("original"))["seal"]
        self._of_run = {"pictures": about["seal"], **self._truth.act}
        self._seals = {**self._of_run, "original": weights}
        self._sets: dict[str, tuple[np.ndarray, str]] = {}

    @property
    def made_from(self) -> dict[str, str]:
        """Seals of M_o's predictions and of the truth."""
        return {"predictions": self._of_original.about["seal"], "truth": self._truth.seal}

    def of_original(self) -> Record:
        """The record of M_o itself. No S_f is involved: all of S_m counts as not discovered."""
        return self._record(self._original, "original", self._of_original, np.empty(0, np.int64))

    @cached_property
    def _of_original(self) -> Predictions:
        predictions = Predictions.load("predictions", self._original)
        predictions.check_made_from("predictions", self._original, self._seals)
        return predictions

    def of_bound(self, bound: str) -> Record:
        """The record of a bound, with its file's seal. There is no S_f, and nobody to find anything."""
        identity = self._original.run.having(bound=bound)
        predictions = Predictions.load("bound", identity)
        predictions.check_made_from("bound", identity, {**self._of_run, "truth": self._truth.seal})
        self._check_device(identity.path("bound"), predictions)
        record = self._record(self._original, bound, predictions, np.empty(0, np.int64))
        unasked = dict.fromkeys(OF_DISCOVERY)
        about = {"seconds": predictions.about["train_seconds"], "seal": predictions.about["seal"]}
        return {**record, **unasked, "bound": bound, **about}

    def seals_of(self, candidates: Iterable[Record], rule: str) -> Iterator[str]:
        """Seals of what `rule` selected by: these candidates and perhaps M_o."""
        for one in candidates:
            yield one["seal"]
        if takes(rule, "original"):
            yield self._of_original.about["seal"]

    def of_candidates(self, places: Iterable[Place]) -> list[Record]:
        """The records of all candidates, in order."""
        return [self.of_candidate(place, name) for place, names in places for name in names]

    def of_candidate(self, cell: Identity, candidate: str) -> Record:
        """The record of a candidate of the deletion set that `cell` names."""
        identity = cell.having(candidate=candidate)
        predictions = Predictions.load("candidate", identity)
        hyperparameters = predictions.about["hyperparameters"]
        if candidate_name(hyperparameters) != candidate:
            raise DamagedFileError(identity.path("candidate"), f"has the hyperparameters {hyperparameters}")
        path = cell.path("deletion_set")
        if path not in self._sets:
            found, seal = DeletionSet.load(cell)
            self._sets[path] = found.looked_at, seal
        deletion, seal = self._sets[path]
        predictions.check_made_from("candidate", identity, {**self._seals, "deletion_set": seal})
        self._check_device(identity.path("candidate"), predictions)
        record = self._record(cell, str(cell.method), predictions, deletion)
        true = self._truth.true_labels[deletion]
        return {**record, HEALED: None if predictions.diverged else accuracy(predictions.deletion, true)}

    def _check_device(self, path: str, predictions: Predictions) -> None:
        """Raise DamagedFileError for a model that is not of the same kind of device as M_o."""
        here, there = (str(one.about.get("device")) for one in (predictions, self._of_original))
        if here.startswith("cpu") != there.startswith("cpu"):
            raise DamagedFileError(path, f"was made on {here}, its original model on {there}")

    def _record(self, cell: Identity, method: str, predictions: Predictions, deletion: np.ndarray) -> Record:
        about = predictions.about
        names = {
            "dataset": cell.dataset,
            "model": about["provenance"]["settings"]["model"]["name"],
            "manipulation": cell.manipulation,
            "n_manipulated": cell.n,
            "seed": cell.seed,
            "maker": cell.maker,
            "discovery": cell.discovery,
            "expansion": cell.expansion if cell.expansion != PLAIN else None,
            "method": method,
            "deletion_fraction": cell.fraction,
            "deletion_size": about.get("deletion_size"),
            "hyperparameters": about.get("hyperparameters"),
        }
        known = self._known(predictions, deletion)
        values = {
            name: None if predictions.diverged else one.of(known) for name, one in self._measures.items()
        }
        costs = {name: about.get(name) for name in COSTS}
        made_by = {**about["provenance"], "data": about["made_from"]["pictures"]}
        said = {"provenance": made_by, "seal": about["seal"]}
        return {**dict.fromkeys(COLUMNS), **names, **values, **costs, **said}

    def _known(self, predictions: Predictions, deletion: np.ndarray) -> Known:
        truth = self._truth
        on = {name: predictions.probes[number] for name, number in truth.probes.items()}
        return Known(
            validation=predictions.validation,
            validation_labels=self._validation_labels,
            deletion=predictions.deletion,
            deletion_given=self._view.given_labels[deletion],
            labels_in_doubt=self._view.labels_in_doubt,
            affected=on["affected"],
            affected_labels=truth.test_labels[truth.affected],
            unaffected=on["unaffected"],
            unaffected_labels=truth.test_labels[truth.unaffected],
            manipulated=on["manipulated"],
            manipulated_labels=truth.true_labels[truth.manipulated],
            discovered=np.isin(truth.manipulated, deletion),
            attack_target=truth.attack_target,
        )

    def of_ranking(self, cell: Identity) -> Record:
        """The record of a grown deletion set."""
        from redress.referee.rankings import of_ranking  # scikit-learn takes seconds to import

        return of_ranking(cell, self._truth)

    def not_applying(self) -> dict[str, str]:
        """Why measures that do not apply here do not, by name."""
        empty = np.empty(0, np.int64)
        probes = tuple(empty for _ in self._truth.probes)
        known = self._known(Predictions(empty, empty, probes, {}), empty)
        return {name: one.otherwise for name, one in self._measures.items() if not one.applies(known)}


def measure_all(
    original: Identity,
    blocks: Iterable[Block],
    measures: Mapping[str, Measure],
    selections: Iterable[Record],
    bounds: Iterable[str] = (),
    rules: Sequence[str] = (),
    rankings: Iterable[Identity] = (),
) -> Record:
    """Records of M_o, of `bounds`, of grown deletion sets and of all candidates, and which were selected.

    Candidates that are chosen among several expansions are compared, by any rule, by their trials; what is
    recorded is of the models made on all of S_f.

    `selected` and `oracle` are positions in `candidates`, as are `first`, the first candidate of the set, and
    what each of `rules` would have chosen.
    """
    referee = Referee(original, measures)
    of_original = referee.of_original()
    chosen = {Identity(**one["cell"]): one for one in selections}
    candidates: list[Record] = []
    selected = []
    for block in blocks:
        for cell in block.cells(original):
            first, selection = len(candidates), chosen.get(cell)
            if selection is None or selection["selected"] not in (None, *block.candidates):
                raise DamagedFileError(
                    original.path("selection"), f"belongs to another experiment: {cell.names}"
                )
            tried, trials = (referee.of_candidates(places(cell)) for places in (block.places, block.trials))
            seals = referee.seals_of(tried + trials, selection["rule"])
            if selection["made_from"] != files.digest_of_seals(seals):
                raise DamagedFileError(
                    original.path("selection"), f"was made from other candidates: {cell.names}"
                )
            for one, trial in zip(tried, trials, strict=bool(trials)):
                one["trial_seconds"] = trial["unlearn_seconds"] - trial["preparation_seconds"]
            candidates += tried
            known = [at for at in range(first, len(candidates)) if candidates[at][ORACLE_BY] is not None]
            compared = on_trial(trials, tried) if trials else tried
            healed = [one[HEALED] for one in compared]
            told = selection["weights"], of_original, healed
            by_rule = {rule: choose(rule, compared, *told) for rule in rules}
            name = selection["selected"]
            selected.append(
                {
                    "first": first,
                    "tried": len(tried),
                    "selected": None if name is None else first + block.candidates.index(name),
                    "score": selection["score"],
                    "oracle": max(known, key=lambda at: candidates[at][ORACLE_BY], default=None),
                    "rules": {rule: None if at is None else first + at for rule, at in by_rule.items()},
                }
            )
    of_bounds = {bound: referee.of_bound(bound) for bound in bounds}
    attack = attack_on(of_original, of_bounds.get(UNHARMED))
    return {
        "original": {**of_original, "attack": attack},
        "bounds": [{**of_bound, "attack": attack} for of_bound in of_bounds.values()],
        "candidates": [{**one, "attack": attack} for one in candidates],
        "selected": selected,
        "rankings": [{**referee.of_ranking(cell), "attack": attack} for cell in rankings],
        "measures": list(measures),
        "not_applying": referee.not_applying(),
        "made_from": referee.made_from,
    }
