"""Choosing hyperparameters without looking at what is reported (Goel et al. 2024, section 3.1)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from redress.formats import files
from redress.formats.block import Block
from redress.formats.contents import DeletionSet, Predictions, TrainingView
from redress.formats.errors import BadInputError, DamagedFileError
from redress.formats.identity import Identity
from redress.formats.measures import Measure, Seen

Values = Mapping[str, float | None]
"""A candidate's measures by name; all None where it has diverged."""

FIRST_TIE = "validation_accuracy"


def score(values: Values, weights: Mapping[str, float]) -> float | None:
    """The weighted sum of measures; None where one of them is missing."""
    parts = [(weight, values[name]) for name, weight in weights.items()]
    if any(value is None for _, value in parts):
        return None
    return sum(weight * value for weight, value in parts if value is not None)


def select(candidates: Sequence[Values], weights: Mapping[str, float]) -> int | None:
    """The position of the candidate with the highest score. Ties: higher validation accuracy, then order."""
    scores = [score(values, weights) for values in candidates]
    alive = [(round(value, 12), at) for at, value in enumerate(scores) if value is not None]
    return (
        max(alive, key=lambda pair: (pair[0], candidates[pair[1]][FIRST_TIE] or 0, -pair[1]))[1]
        if alive
        else None
    )


def select_all(
    original: Identity,
    blocks: Iterable[Block],
    measures: Mapping[str, Measure],
    weights: Mapping[str, float],
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """For every deletion set of every block which candidate was selected, and by what.

    Measures that do not apply, as deletion change where no label is in doubt, weigh nothing; the others keep
    their weights, against them where less is better. Raises DamagedFileError for a candidate that was not
    made from the original model, deletion set and training set that are there, and for any model made with
    other `settings` (of network, recipe, device and threads) than these.
    """
    pictures, about = files.load_arrays(original.path("pictures"), Identity(original.dataset))
    training, training_seal = TrainingView.load(original)
    made_from = {"pictures": about["seal"], "training_set": training_seal}
    _, about = files.load_arrays(original.path("original"), original)
    made_from["original"] = about["seal"]
    _check_settings(original.path("original"), about, settings)
    needed = dict.fromkeys([*weights, FIRST_TIE])
    found: dict[str, tuple[DeletionSet, str]] = {}
    records = []
    for block in blocks:
        for cell in block.cells(original):
            path = cell.path("deletion_set")
            if path not in found:
                found[path] = DeletionSet.load(cell)
            deletion, seal = found[path]
            given = training.given_labels[deletion.indices]

            def seen(predictions: Predictions, given: Any = given) -> Seen:
                labels = pictures["validation_labels"]
                return Seen(
                    predictions.validation, labels, predictions.deletion, given, training.labels_in_doubt
                )

            nothing = Predictions(given[:0], given[:0], (), {})
            used = {
                name: measures[name].sign * weight
                for name, weight in weights.items()
                if measures[name].applies(seen(nothing))
            }
            if not any(used.values()):
                names = " and ".join(weights)
                raise BadInputError(
                    f"selection: {names} do not apply to {block.method}: nothing is left to select by"
                )
            candidates, seals = [], []
            for name in block.candidates:
                who = cell.having(candidate=name)
                predictions = Predictions.load("candidate", who)
                predictions.check_made_from("candidate", who, {**made_from, "deletion_set": seal})
                _check_settings(who.path("candidate"), predictions.about, settings)
                values = {
                    key: None if predictions.diverged else measures[key].of(seen(predictions))
                    for key in needed
                }
                candidates.append(values)
                seals.append(predictions.about["seal"])
            chosen = select(candidates, used)
            records.append(
                {
                    "cell": cell.names,
                    "weights": used,
                    "selected": None if chosen is None else block.candidates[chosen],
                    "score": None if chosen is None else score(candidates[chosen], used),
                    "made_from": files.digest_of_seals(seals),
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
