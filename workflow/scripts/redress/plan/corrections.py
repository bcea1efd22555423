"""Models that somebody brings to be corrected, as scenarios of which nobody knows the truth."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from redress.brought.bad_list import BadList, read_bad_list, whole_classes
from redress.brought.listing import Listing, check_labels, check_level, class_names, listing, rows_of, some
from redress.brought.pictures import mark_in
from redress.formats import files
from redress.formats.block import Block
from redress.formats.correction import FEWEST, FOLD, GROUP, KNOWN
from redress.formats.errors import BadInputError, looked_in
from redress.formats.identity import BROUGHT, OF_DELETION_SET, OF_ORIGINAL, PLAIN, Identity
from redress.formats.recipe import Recipe
from redress.plan import checks, signatures
from redress.plan.checks import BESIDE, ConfigError
from redress.plan.experiment import Experiment, without
from redress.plan.factories import factory_digest
from redress.plan.sources import fingerprint

METHODS = checks.SCHEMA.with_name("correction_methods.yaml")

GROUPS = 2, 20
"""How many groups a list may have for each to be left out once."""

UNKNOWN_RECIPE = Recipe(steps=1000, batch_size=128, learning_rate=0.01, crop_padding=0, flip=False)
"""By which methods train where nobody knows how the model was trained."""

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
ENDINGS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")


@dataclass(frozen=True)
class Case:
    """What one block of `corrections` brings."""

    settings: Mapping[str, Any]
    """The block, defaults filled in."""
    classes: list[str]
    training: Listing
    validation: Listing
    bad: BadList
    factory: str
    """SHA-256 of the file that makes the network; empty where a library does."""

    @property
    def groups(self) -> list[str]:
        """The groups of the list that are left out once each."""
        named = sorted(set(self.bad.groups or ()))
        return named if GROUPS[0] <= len(named) <= GROUPS[1] and len(self.bad) >= FEWEST else []

    @property
    def folds(self) -> int:
        """Parts of S_f that are left out once each: none of a list too short for a verdict."""
        return int(self.settings["judge"]["folds"]) if len(self.bad) >= FEWEST else 0

    @property
    def suspects(self) -> int:
        """How many suspects are listed; with 0 none are looked for."""
        return int(self.settings["suspects"]["number"])

    @property
    def ranking(self) -> str:
        """The expansion by which they are ranked."""
        return str(self.settings["suspects"]["expansion"])

    @property
    def recipe(self) -> Recipe:
        """How methods train. In float32 unless told otherwise: so does the code that will use the weights."""
        given = self.settings["recipe"]
        recipe = UNKNOWN_RECIPE if given == "unknown" else Recipe(**given)
        return replace(recipe, precision="float32") if recipe.precision == "auto" else recipe


class Corrections(Experiment):
    """A checked config of corrections. Raises ConfigError, in one line, where they cannot be made."""

    def __init__(self, config: Mapping[str, Any]):
        checks.check_shape(config)
        for key in config:
            if key not in (*BESIDE, "corrections"):
                problem = f"cannot stand beside `corrections`; allowed: {', '.join(BESIDE)}"
                raise ConfigError([key], problem)
        given = {"datasets": {}, "methods": yaml.safe_load(METHODS.read_text()), **config}
        filled = checks.with_defaults(given)
        brought = {name: _case(name, block) for name, block in filled["corrections"].items()}
        self._rehearsals = {
            f"{name}-rehearsal{seed}": _Rehearsal(name, _pairs(name, case))
            for name, case in brought.items()
            for seed in case.settings.get("rehearsal", {"seeds": []})["seeds"]
        }
        for name in self._rehearsals.keys() & brought.keys():
            raise ConfigError(["corrections", name], "is the name of a rehearsal: give it another one")
        self._cases = brought | {
            name: _to_rehearse(brought[one.case]) for name, one in self._rehearsals.items()
        }
        self._config = {**filled, **self._as_experiment(filled["expansions"])}
        for name, block in self._config["expansions"].items():
            self._check_block("expansions", name, block)
        self._check_methods()
        for method in self.methods:
            if len(self.expansions_of(method)) > 1:
                problem = "names several: a correction's folds choose, so give each a block of its own (use)"
                raise ConfigError(["methods", method, "expansion"], problem)
        for name in self.cases:
            if not self.blocks_of(name):
                anew = f"all methods ({', '.join(self.methods)}) train as the model was trained"
                raise ConfigError(["corrections", name, "recipe"], f"is unknown, and {anew}: add another")

    def _as_experiment(self, expansions: Mapping[str, Any]) -> dict[str, Any]:
        """The blocks of the experiment that these corrections are."""
        parts, ranking = {KNOWN: None}, dict[str, Any]()
        for name, case in self._cases.items():
            parts |= dict.fromkeys(parts_of(case))
            if case.suspects and case.ranking not in expansions:
                checks.check_plugin(
                    ["corrections", name, "suspects", "expansion"], "expansions", case.ranking
                )
                ranking[case.ranking] = {}
        return {
            "datasets": {
                name: {
                    "label": name,
                    "model": {"name": "_brought"},
                    "manipulations": {BROUGHT: {"n": [len(case.bad)]}},
                }
                for name, case in self._cases.items()
            },
            "originals": {BROUGHT: {}},
            "expansions": {**expansions, **ranking},
            "discoveries": {name: {} for name in parts},
            "deletion_fractions": [1.0],
            "seeds": [0],
        }

    @property
    def cases(self) -> list[str]:
        return [name for name in self._cases if name not in self._rehearsals]

    @property
    def rehearsals(self) -> list[str]:
        """Cases that are none of somebody's own: what is wrong in them was planted."""
        return list(self._rehearsals)

    def rehearsed(self, name: str) -> str:
        """The case that the rehearsal `name` is one of."""
        return self._rehearsals[name].case

    @property
    def rehearsing(self) -> list[str]:
        """The cases that have rehearsals."""
        return [name for name in self.cases if self.rehearsals_of(name)]

    def rehearsals_of(self, name: str) -> list[str]:
        """The rehearsals of the case `name`."""
        return [one for one, about in self._rehearsals.items() if about.case == name]

    def case(self, name: str) -> Case:
        """What the block `name` brings."""
        return self._cases[name]

    def original(self, name: str) -> Identity:
        """What names the model of the block `name`."""
        return Identity(name, BROUGHT, len(self.case(name).bad), 0, BROUGHT)

    def deletion_sets(self, name: str) -> list[Identity]:
        """S_f of the block `name` and each S_f without a part."""
        cell = self.original(name).having(share="1.0", expansion=PLAIN)
        return [cell.having(discovery=part) for part in (KNOWN, *parts_of(self.case(name)))]

    @property
    def suspicious(self) -> list[str]:
        """The blocks that ask for suspects."""
        return [name for name, case in self._cases.items() if case.suspects]

    def ranked(self, name: str) -> Identity:
        """S_f of the block `name`, grown by what ranks suspects."""
        known, *_ = self.deletion_sets(name)
        return known.having(expansion=self.case(name).ranking)

    def grown(self, original: Identity) -> Iterator[Identity]:
        """Every list that is grown: for methods with and without each part, for suspects as it is."""
        name = original.dataset
        cells = [cell for block in self.blocks_of(name) for cell in block.cells(original)]
        cells += [self.ranked(name)] if self.case(name).suspects else []
        yield from dict.fromkeys(cell.having(method=None) for cell in cells if cell.expansion != PLAIN)

    def blocks_of(self, name: str) -> tuple[Block, ...]:
        """What runs on the model of the block `name`: its recipe permitting."""
        case = self.case(name)
        unknown = case.settings["recipe"] == "unknown"
        return tuple(
            block
            for block in self.blocks(BROUGHT)
            if block.discovery in (KNOWN, *parts_of(case))
            and not (unknown and self._trains_anew(block.method))
        )

    def methods_of(self, name: str) -> list[str]:
        """The methods of these."""
        return list(dict.fromkeys(block.method for block in self.blocks_of(name)))

    def warnings(self) -> Iterator[str]:
        """What stops nothing and is to be known before anything runs."""
        for name in self.cases:
            case = self.case(name)
            if len(case.bad) < FEWEST:
                few = f"{len(case.bad)} bad samples are fewer than {FEWEST}"
                yield f"corrections.{name}.bad: {few}: candidates are ranked, and there is no verdict"
            yield from _without_validation(f"corrections.{name}.validation", case)

    # What jobs are told

    @cache  # noqa: B019 (an experiment lives as long as the program)
    def _setup(self, dataset: str) -> dict[str, Any]:
        case = self.case(dataset)
        model = {name: case.settings["model"][name] for name in ("factory", "arguments")}
        return {
            "model": {"name": "_brought", **model},
            "recipe": asdict(case.recipe),
            "device": self._config["device"],
            "threads": str(self._config["threads"]),
        }

    def ingest_job(self, name: str) -> str:
        """What ingest.py is told."""
        return self.arguments(Identity(name), "dataset", **self._pictures(name))

    def folds_job(self, name: str) -> str:
        """What folds.py is told."""
        case = self.case(name)
        told = {"bad": case.settings["bad"], "folds": str(case.folds), "groups": [case.groups]}
        told |= {"tag": case.settings["bad_tag"]} if "bad_tag" in case.settings else {}
        return self.arguments(self.original(name), *OF_ORIGINAL, **self._pictures(name), **told)

    def _pictures(self, name: str) -> dict[str, Any]:
        case = self.case(name)
        told = {part: case.settings[part] for part in ("training", "validation", "preprocess")}
        return {**told, "classes": [case.classes]}

    def plant_job(self, name: str) -> str:
        """What plant.py is told."""
        one, case = self._rehearsals[name], self.case(name)
        told = {"source": one.case, "bad": case.settings["bad"], "use": self._planted(name)}
        told |= {"tag": case.settings["bad_tag"]} if "bad_tag" in case.settings else {}
        if "mark" in case.settings["rehearsal"]:
            mark = case.settings["rehearsal"]["mark"]
            told |= {"mark": {"file": mark, "sha256": files.sha256(mark)}}
        told |= {"pairs": [one.pairs], "found": str(len(case.bad)), "folds": str(case.folds)}
        return self.arguments(self.original(name), *OF_ORIGINAL, **self._pictures(name), **told)

    def _planted(self, name: str) -> str:
        """The file in manipulations/ that says what is planted."""
        use: str = self.case(name).settings["rehearsal"]["manipulation"]
        return use

    def rehearse_train_job(self, name: str) -> str:
        """What train.py is told of a rehearsal's M_o."""
        original = self.original(name)
        return self.arguments(original, *OF_ORIGINAL, **self.setup(original, maker="standard"), settings={})

    def rehearse_job(self, name: str) -> str:
        """What rehearse.py is told."""
        originals = [self.original(one).names for one in self.rehearsals_of(name)]
        told = self._judged(self.rehearsals_of(name)[0])
        return self.arguments(Identity(name), "dataset", originals=[originals], **told)

    def probe_job(self, name: str) -> str:
        """What probe.py is told."""
        settings = self.case(name).settings
        expected = settings.get("expect", {})
        brought = {
            "weights": settings["model"]["weights"],
            "weights_key": settings["model"]["weights_key"],
            "accuracy": expected.get("validation_accuracy"),
            "tolerance": expected.get("tolerance", 0),
            "color": settings["preprocess"]["color"],
        }
        original = self.original(name)
        return self.arguments(original, *OF_ORIGINAL, **self.setup(original), brought=brought)

    def check_job(self, name: str) -> str:
        """What check.py is told."""
        case = self.case(name)
        told = {"training": case.settings["training"], "classes": [case.classes]}
        return self.arguments(Identity(name), "dataset", **told)

    def fit_job(self, name: str) -> str:
        """What probe.py is told where there are no pictures yet."""
        case = self.case(name)
        shape = [len(case.settings["preprocess"]["mean"]), len(case.classes)]
        return f"{self.probe_job(name)} {self.arguments(Identity(name), before_pictures=[shape])}"

    def minutes(self, name: str) -> float | None:
        """What the candidates of the block `name` may take, one job after the other; None for no limit."""
        limit: float | None = self.case(name).settings["search"]["minutes"]
        return limit

    def afford_job(self, name: str) -> str:
        """What afford.py is told."""
        case = self.case(name)
        batches = -(-len(case.training) // case.recipe.batch_size)
        told = {**self._budget(name), "batches": str(batches)}
        return self.arguments(self.original(name), *OF_ORIGINAL, **told)

    def _budget(self, name: str) -> dict[str, Any]:
        limit = self.minutes(name)
        return {"jobs": [self._jobs(name)]} | ({} if limit is None else {"minutes": f"{limit:g}"})

    def _jobs(self, name: str) -> list[dict[str, Any]]:
        """What runs together, with what each candidate takes as far as its settings say."""
        recipe, methods = self.case(name).recipe, self.methods_of(name)
        return [
            {
                "method": group.method,
                "candidates": {one: self.candidates(group.method)[one] for one in carried},
                "steps": {one: self._steps(group.method, one, recipe) for one in carried},
                "importances": self.importances(group.method, group.expansion, carried),
                "anew": self._trains_anew(group.method),
            }
            for group in self.groups()
            if group.method in methods
            for carried in ([[one] for one in group.candidates] if group.one_per_job else [group.candidates])
        ]

    def _trains_anew(self, method: str) -> bool:
        """Whether a method trains as M_o was trained."""
        return bool(signatures.constant("methods", self._use("methods", method), "NEEDS_RECIPE"))

    def _steps(self, method: str, candidate: str, recipe: Recipe) -> int:
        if self._trains_anew(method):
            return recipe.steps
        known = signatures.defaults(signatures.keywords("methods", self._use("methods", method), "unlearn"))
        steps = {**known, **self.candidates(method)[candidate]}.get("steps")
        return int(steps) if isinstance(steps, int | float) else 0

    def shortlist_job(self, name: str) -> str:
        """What shortlist.py is told."""
        told = {**self._judged(name), **self._budget(name), **self._unseen(name)}
        told |= {"groups": [self.case(name).groups]}
        return self.arguments(self.original(name), *OF_ORIGINAL, **told)

    def choose_job(self, name: str) -> str:
        """What choose.py is told."""
        limit = self.minutes(name)
        told = self._judged(name) | self._unseen(name) | {"groups": [self.case(name).groups]}
        told |= {} if limit is None else {"minutes": f"{limit:g}"}
        return self.arguments(self.original(name), *OF_ORIGINAL, **told)

    def judge_job(self, name: str) -> str:
        """What judge.py is told."""
        original, case, told = self.original(name), self.case(name), self._judged(name)
        told |= {"groups": [case.groups], "bad_list": self.list_fingerprint(name), **self._unseen(name)}
        told |= {**self._budget(name), "training": case.settings["training"], "classes": [case.classes]}
        if self.rehearsals_of(name):
            told |= {"rehearsal": "yes"}
        if case.suspects:
            told |= {"suspicious": "yes", "color": case.settings["preprocess"]["color"]}
        styles = [[method, block["style"]] for method, block in self._config["methods"].items()]
        return self.arguments(original, *OF_ORIGINAL, **told, styles=[styles])

    def _unseen(self, name: str) -> dict[str, Any]:
        """Who is judged by the list itself, for it is complete and they have never seen it."""
        if not self.case(name).settings["bad_complete"]:
            return {}

        def constant(method: str, variable: str) -> Any:
            return signatures.constant("methods", self._use("methods", method), variable)

        unseen = [
            [method, candidate]
            for method in self.methods_of(name)
            if constant(method, "NEVER_SEES")
            for candidate, settings in self.candidates(method).items()
            if constant(method, "LAYERS") not in settings
        ]
        return {"unseen": [unseen]} if unseen else {}

    def _judged(self, name: str) -> dict[str, Any]:
        settings = without(self.case(name).settings["judge"], "folds")
        return {"blocks": [[asdict(block) for block in self.blocks_of(name)]], "settings": settings}

    def repair_job(self, name: str) -> str:
        """What repair.py is told."""
        original = self.original(name)
        use = {method: self._use("methods", method) for method in self.methods}
        expansions = {method: self.expansion_of(method) for method in self.methods}
        told = {"parent": self.weights(name), "bad_list": self.list_fingerprint(name)}
        blocks = {"methods": use, "expansions": expansions}
        return self.arguments(original, *OF_ORIGINAL, **self.setup(original), **blocks, **told)

    def list_suspects_job(self, name: str) -> str:
        """What list_suspects.py is told."""
        cell = self.ranked(name)
        told = {"number": str(self.case(name).suspects)}
        return self.arguments(cell, *OF_DELETION_SET, **self.setup(cell), **told)

    def weights(self, name: str) -> str:
        """The file of the weights that the block `name` brings."""
        path: str = self.case(name).settings["model"]["weights"]
        return path

    # What the code of a job is

    def sources(self, script: str, dataset: str | None = None, **blocks: str) -> str:
        """As for an experiment, with the user's own file that makes the network."""
        own = self.case(dataset).factory if dataset else ""
        return super().sources(script, dataset, **blocks) + (f" {own[:16]}" if own else "")

    def plant_sources(self, name: str) -> str:
        """Of the job that plants."""
        return self.sources_of("plant", f"manipulations/{self._planted(name)}")

    def rehearse_train_sources(self, name: str) -> str:
        """Of the job that trains a rehearsal's M_o."""
        own = self.case(name).factory
        return self.sources_of("train", "models/_brought", "originals/standard") + f" {own[:16]}"

    def repair_sources(self, name: str) -> str:
        """Of the job that repairs, which may run any method."""
        uses = [f"redress/plugins/methods/{self._use('methods', method)}.py" for method in self.methods]
        own = self.case(name).factory
        return fingerprint("repair.py", "redress/plugins/models/_brought.py", *uses) + f" {own[:16]}"

    def pictures_fingerprint(self, name: str) -> str:
        """What changes when pictures or their labels may have."""
        case = self.case(name)
        return f"{case.training.fingerprint} {case.validation.fingerprint}"

    def list_fingerprint(self, name: str) -> str:
        """What changes when the bad list does."""
        return files.sha256(self.case(name).settings["bad"])


@dataclass(frozen=True)
class _Rehearsal:
    """A case in which something is planted."""

    case: str
    pairs: list[tuple[int, int, int]]
    """(given, true, count) of what is planted; the true label is UNKNOWN where the list does not say it."""


def _counted(case: Case) -> np.ndarray:
    """Which bad samples are wrongly labelled as far as anybody knows: boolean (m,)."""
    wrong: np.ndarray = case.bad.true_labels != case.training.labels[case.bad.samples]
    return wrong


def _to_rehearse(case: Case) -> Case:
    """The case that a rehearsal is: a list as long, of what was planted, nobody to suspect, and no budget."""
    counted = _counted(case)
    bad = BadList(case.bad.samples[counted], case.bad.true_labels[counted], groups=None)
    settings = {
        **case.settings,
        "suspects": {**case.settings["suspects"], "number": 0},
        "search": {"minutes": None},
        "bad_complete": False,
    }
    return replace(case, bad=bad, settings=settings)


def _pairs(name: str, case: Case) -> list[tuple[int, int, int]]:
    """What a rehearsal plants: of each pair of labels the list's number, divided by the share to be found.

    Raises ConfigError where that cannot be, in the words of the key.
    """
    where, settings = ["corrections", name, "rehearsal"], case.settings["rehearsal"]
    if case.settings["recipe"] == "unknown":
        raise ConfigError(where, "trains a model like yours, and recipe is unknown: give the recipe")
    counted = _counted(case)
    if counted.sum() < FEWEST:
        few = f"{counted.sum()} bad samples count, fewer than {FEWEST}"
        raise ConfigError(where, f"{few}: there would be no verdict to rehearse")
    given, true = (
        one[counted].tolist() for one in (case.training.labels[case.bad.samples], case.bad.true_labels)
    )
    share = settings["share"]
    pairs = [
        (*pair, max(count, round(count / share)))
        for pair, count in sorted(Counter(zip(given, true, strict=True)).items())
    ]
    left = np.ones(len(case.training), bool)
    left[case.bad.samples] = False
    rest = np.bincount(case.training.labels[left], minlength=len(case.classes))
    for label, there in enumerate(rest.tolist()):
        asked = sum(count for _, true_, count in pairs if true_ == label)
        if 2 * asked > there:
            problem = (
                f"{asked} wrong labels among {there} pictures of class {case.classes[label]} are too many"
            )
            raise ConfigError([*where, "share"], f"{problem}: at most half; give a higher share")
    asked = sum(count for _, _, count in pairs)
    if 4 * asked > rest.sum():
        problem = f"{asked} wrong labels among {rest.sum()} pictures are too many: at most a quarter"
        raise ConfigError([*where, "share"], f"{problem}; give a higher share")
    return pairs


def _without_validation(where: str, case: Case) -> Iterator[str]:
    """A warning where validation lacks classes of training."""
    lacking = [case.classes[at] for at in np.setdiff1d(case.training.labels, case.validation.labels)]
    if lacking:
        yield f"{where}: has no picture of {some(lacking)}; is it a class?"


def parts_of(case: Case) -> list[str]:
    """The discoveries that leave out a part of S_f."""
    return [f"{FOLD}{k}" for k in range(case.folds)] + [f"{GROUP}{k}" for k in range(len(case.groups))]


def _case(name: str, block: Mapping[str, Any]) -> Case:
    """The checked case; raises ConfigError that names the key."""
    where = ["corrections", name]

    def asked(key: str, function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except BadInputError as error:
            raise ConfigError([*where, key], str(error)) from error

    rows = {part: asked(part, rows_of, block[part]) for part in ("training", "validation")}
    for part, other in (("training", "validation"), ("validation", "training")):
        asked(part, check_level, block[part], rows[part], rows[other])
    classes = asked("classes", class_names, block.get("classes"), rows["training"])
    if "classes" not in block:
        asked("training", check_labels, rows["training"], rows["validation"])
    training, validation = (
        asked(part, listing, block[part], rows[part], classes) for part in ("training", "validation")
    )
    both = {*map(os.path.abspath, training.files)} & {*map(os.path.abspath, validation.files)}
    if both:
        problem = f"{len(both)} of its pictures are training pictures, such as {sorted(both)[0]}"
        raise ConfigError([*where, "validation"], problem)
    bad = asked("bad", read_bad_list, block["bad"], block.get("bad_tag"), training, validation, classes)
    gone = whole_classes(bad, training.labels, classes)
    if gone and not block["allow_class_removal"]:
        problem = (
            f"names (nearly) all training pictures of {', '.join(gone)}: nothing is left to teach it; "
            "keep some that are right, or say allow_class_removal: true"
        )
        raise ConfigError([*where, "bad"], problem)
    settings = {**block, "preprocess": _preprocess([*where, "preprocess"], block["preprocess"])}
    asked("model", _check_weights, block["model"]["weights"])
    factory = asked("model", factory_digest, block["model"]["factory"])
    if "mark" in block.get("rehearsal", {}):
        asked("rehearsal", mark_in, block["rehearsal"]["mark"], settings["preprocess"])
    case = Case(settings, classes, training, validation, bad, factory)
    if case.recipe.crop_padding >= min(settings["preprocess"]["size"]):
        problem = f"{case.recipe.crop_padding} is out of range: less than the pictures' size"
        raise ConfigError([*where, "recipe", "crop_padding"], problem)
    return case


def _preprocess(where: list[str], block: Mapping[str, Any]) -> dict[str, Any]:
    """The block with all that has a default."""
    size, grey = block["size"], block["color"] == "grey"
    usual = {"mean": [0.5], "std": [0.5]} if grey else IMAGENET
    if block["color"] == "bgr":
        usual = {key: values[::-1] for key, values in usual.items()}
    filled = {**usual, **block, "size": size if isinstance(size, list) else [size, size]}
    for key in ("mean", "std"):
        if len(filled[key]) != (1 if grey else 3):
            problem = f"{len(filled[key])} numbers, {1 if grey else 3} are needed: one for each channel"
            raise ConfigError([*where, key], problem)
    return filled


def _check_weights(path: str) -> None:
    if Path(path).suffix not in ENDINGS:
        raise BadInputError(f"weights {path}: not known by its ending; allowed: {', '.join(ENDINGS)}")
    if not Path(path).is_file():
        raise BadInputError(f"weights {path}: no such file{looked_in(path)}")
    if not Path(path).stat().st_size:
        raise BadInputError(f"weights {path}: is empty")
