"""Choosing hyperparameters without looking at what is reported (Goel et al. 2024, section 3.1)."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from redress.formats import files
from redress.formats.block import Block, Place
from redress.formats.contents import DeletionSet, Predictions, TrainingView
from redress.formats.errors import BadInputError, DamagedFileError
from redress.formats.identity import Identity
from redress.formats.measures import Measure, Seen
from redress.formats.rules import Values, choose, on_trial, score, takes


def select_all(
    original: Identity,
    blocks: Iterable[Block],
    measures: Mapping[str, Measure],
    weights: Mapping[str, float],
    settings: Mapping[str, Any] = MappingProxyType({}),
    rule: str = "equal_weight",
) -> list[dict[str, Any]]:
    """For every deletion set of every block which candidate `rule` selects, and its score by `weights`.

    Where a block names several expansions, candidates are compared by what they measured on trial.
    Measures that do not apply, as deletion change where no label is in doubt, weigh nothing; the others keep
    their weights, against them where less is better. M_o's predictions are read only where the rule asks for
    what M_o measures. Raises DamagedFileError for a model that was not made from the original model, deletion
    set and training set that are there, and for any made with other `settings` (of network, recipe, device
    and threads) than these.
    """
    pictures, about = files.load_arrays(original.path("pictures"), Identity(original.dataset))
    training, training_seal = TrainingView.load(original)
    made_from = {"pictures": about["seal"], "training_set": training_seal}
    _, about = files.load_arrays(original.path("original"), original)
    made_from["original"] = about["seal"]
    _check_settings(original.path("original"), about, settings)

    def seen(predictions: Predictions, given: np.ndarray) -> Seen:
        labels = pictures["validation_labels"]
        return Seen(predictions.validation, labels, predictions.deletion, given, training.labels_in_doubt)

    own = {name: one for name, one in measures.items() if one.owner == "developer"}

    def measured(predictions: Predictions, given: np.ndarray) -> Values:
        known = seen(predictions, given)
        return {name: None if predictions.diverged else one.of(known) for name, one in own.items()}

    nothing = training.given_labels[:0]
    before: Values | None = None
    of_original: list[str] = []
    if takes(rule, "original"):
        predictions = Predictions.load("predictions", original)
        predictions.check_made_from("predictions", original, made_from)
        before, of_original = measured(predictions, nothing), [predictions.about["seal"]]
    unmade = seen(Predictions(nothing, nothing, (), {}), nothing)
    used = {
        name: measures[name].sign * weight
        for name, weight in weights.items()
        if measures[name].applies(unmade)
    }
    found: dict[str, tuple[DeletionSet, str]] = {}
    records = []

    def candidates_at(places: Iterable[Place]) -> Iterator[tuple[Identity, Values, str]]:
        """What names each candidate, what it measures, and the seal of its file."""
        for place, names in places:
            path = place.path("deletion_set")
            if path not in found:
                found[path] = DeletionSet.load(place)
            deletion, seal = found[path]
            given = training.given_labels[deletion.looked_at]
            for name in names:
                who = place.having(candidate=name)
                predictions = Predictions.load("candidate", who)
                predictions.check_made_from("candidate", who, {**made_from, "deletion_set": seal})
                _check_settings(who.path("candidate"), predictions.about, settings)
                yield who, measured(predictions, given), predictions.about["seal"]

    for block in blocks:
        if takes(rule, "weights") and not any(used.values()):
            names = " and ".join(weights)
            raise BadInputError(
                f"selection: {names} do not apply to {block.method}: nothing is left to select by"
            )
        for cell in block.cells(original):
            candidates = list(candidates_at(block.places(cell)))
            trials = list(candidates_at(block.trials(cell)))
            values = [one for _, one, _ in candidates]
            if trials:
                values = on_trial([one for _, one, _ in trials], values)
            seals = [seal for _, _, seal in candidates + trials]
            chosen = choose(rule, values, used, before)
            who = None if chosen is None else candidates[chosen][0]
            records.append(
                {
                    "cell": cell.names,
                    "rule": rule,
                    "weights": used,
                    "selected": who and who.candidate,
                    "expansion": who and who.expansion,
                    "score": None if chosen is None else score(values[chosen], used),
                    "made_from": files.digest_of_seals([*seals, *of_original]),
                }
            )
    return records


def _check_settings(path: str, about: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Raise DamagedFileError where a model's record says that it was made with other settings."""
    found = dict(_flat(about["provenance"]["settings"]))
    for name, value in _flat(expected):
        if found.get(name) != value:
            raise DamagedFileError(path, f"was made with {name} {found.get(name)}, not {value}")


def _flat(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Settings with the names of their blocks, such as `recipe.steps`."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())
        else:
            yield name, value
