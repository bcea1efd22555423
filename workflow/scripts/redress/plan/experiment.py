"""What the rules ask of a config. Imports neither PyTorch nor pandas: Snakemake reads it at every start."""

import hashlib
import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from redress import plugins
from redress.adversary.act import manipulation as manipulation_of
from redress.adversary.manipulation import Manipulation
from redress.formats.block import TRIAL, Block
from redress.formats.candidates import EXPANSION, Hyperparameters, candidate_name, expand, own_of, setting_in
from redress.formats.description import Description
from redress.formats.identity import (
    OF_BOUND,
    OF_CANDIDATES,
    OF_DELETION_SET,
    OF_IMPORTANCE,
    OF_ORIGINAL,
    OF_RUN,
    WHOLE,
    Identity,
)
from redress.formats.measures import STANDARD
from redress.formats.recipe import Recipe
from redress.plan import checks, signatures
from redress.plan.checks import ConfigError, candidates_of, expansions_of
from redress.plan.overviews import Overview, overviews
from redress.plan.sources import fingerprint
from redress.plugins import load

FIGURES = {
    "figure2_poison_removal": ("poison", "removal_test"),
    "figure3_poison_utility": ("poison", "utility_test"),
    "figure4_interclass_removal": ("interclass", "removal_test"),
    "figure5_interclass_manipulated": ("interclass", "removal_train"),
    "figure6_poison_manipulated": ("poison", "removal_train"),
    "figure7_interclass_utility": ("interclass", "utility_test"),
}
"""The paper's figures: name to (manipulation, measure)."""

LISTS_OF_CLASSES = {"classes", "mapping"}
ONE_CLASS = {"target_class", "true_class"}
"""Settings of manipulations and discoveries that may name classes."""

ROOT = Path(__file__).resolve().parents[4]

KINDS = {"removal": "removal_test", "utility": "utility_test", "manipulated": "removal_train"}

Path_ = list[str | int]


@dataclass(frozen=True)
class CandidateGroup:
    """Candidates of one method whose jobs one rule describes: together in a job, or each in its own."""

    rule: str
    method: str
    maker: str
    expansion: str
    discoveries: tuple[str, ...]
    candidates: tuple[str, ...]
    one_per_job: bool

    def files(self, pattern: str) -> list[str]:
        """The outputs of a job: `pattern` with {method}, {maker} and perhaps {candidate} filled in."""
        pattern = pattern.replace("{method}", self.method).replace("{maker}", self.maker)
        if self.one_per_job:
            return [pattern]
        return [pattern.replace("{candidate}", candidate) for candidate in self.candidates]

    @property
    def candidate(self) -> str:
        """A regular expression that of a method's candidates only those match that are of its expansion."""
        if setting_in(self.candidates[0], EXPANSION) is None:
            return "[^/]+"
        return f"([^/]+,)?{EXPANSION}={re.escape(self.expansion)}(,[^/]+)?"

    def log(self, pattern: str) -> str:
        """The log of a job, which has the wildcards of its outputs."""
        name = "{candidate}" if self.one_per_job else self.rule
        pattern = pattern.replace("{method}", self.method).replace("{maker}", self.maker)
        return pattern.replace("{candidate}", name)


class Experiment:
    """A checked config. Raises ConfigError, in one line, where it cannot be run."""

    def __init__(self, config: Mapping[str, Any]):
        checks.check_shape(config)
        self._config = checks.with_defaults(config)
        self._descriptions = {name: self._describe(name) for name in self._config["datasets"]}
        self._check()

    # What is compared

    @cached_property
    def _candidates(self) -> dict[str, dict[str, Hyperparameters]]:
        """By method, then by name, in grid order; of several expansions that of the first one first."""
        return {
            method: {candidate_name(candidate): candidate for candidate in candidates_of(block)}
            for method, block in self._config["methods"].items()
        }

    @property
    def cases(self) -> list[str]:
        """Models of somebody's own that are to be corrected: none in an experiment."""
        return []

    def warnings(self) -> Iterator[str]:
        """What stops nothing and is to be known before anything runs."""
        yield from ()

    @property
    def methods(self) -> list[str]:
        """Methods in the order of the config."""
        return list(self._config["methods"])

    @property
    def datasets(self) -> list[str]:
        """Datasets in the order of the config."""
        return list(self._config["datasets"])

    @property
    def makers(self) -> list[str]:
        """Makers of original models in the order of the config; the first is the default."""
        return list(self._config["originals"])

    @property
    def discoveries(self) -> list[str]:
        """Discoveries in the order of the config."""
        return list(self._config["discoveries"])

    @property
    def expansions(self) -> list[str]:
        """Expansions in the order of the config."""
        return list(self._config["expansions"])

    def grown(self, original: Identity) -> Iterator[Identity]:
        """Every grown deletion set of an original model, whether a method runs on it or not."""
        for expansion in self.expansions:
            for discovery in self.discoveries:
                for share in self.shares:
                    yield original.having(expansion=expansion, discovery=discovery, share=share)

    @property
    def shares(self) -> list[str]:
        """Deletion fractions as they stand in paths, ascending."""
        return [repr(float(fraction)) for fraction in sorted(self._config["deletion_fractions"])]

    @property
    def measure_files(self) -> list[str]:
        """The files in measures/ that are measured by."""
        return [*STANDARD, *self._config["measures"]]

    @property
    def bounds(self) -> list[str]:
        """The files in bounds/ that say what else is trained."""
        return list(self._config["bounds"])

    @property
    def selection_rule(self) -> str:
        """The file in selections/ that the developer selects by."""
        rule: str = self._config["selection_rule"]
        return rule

    @property
    def selects_by_original(self) -> bool:
        """Whether that rule asks for what M_o measures."""
        return signatures.takes("selections", self.selection_rule, "key", "original")

    def runs(self) -> Iterator[Identity]:
        """Everything the adversary does."""
        for dataset, block in self._config["datasets"].items():
            for manipulation, settings in block["manipulations"].items():
                for n in settings["n"]:
                    for seed in self._config["seeds"]:
                        yield Identity(dataset, manipulation, n, seed)

    def originals(self) -> Iterator[Identity]:
        """Every original model."""
        for run in self.runs():
            for maker in self.makers:
                yield run.having(maker=maker)

    def examples(self) -> Iterator[Identity]:
        """Whose manipulated images are shown: one for each manipulation of each dataset."""
        for dataset, block in self._config["datasets"].items():
            for manipulation in block["manipulations"]:
                yield self.example(dataset, manipulation)

    def example(self, dataset: str, manipulation: str) -> Identity:
        """The one of these that has the largest n and the first seed."""
        settings = self._config["datasets"][dataset]["manipulations"][manipulation]
        return Identity(dataset, manipulation, max(settings["n"]), self._config["seeds"][0])

    def shown_rankings(self, dataset: str, manipulation: str) -> list[Identity]:
        """The grown deletion sets whose rankings are shown: of the same example, with the smallest share."""
        original = self.example(dataset, manipulation).having(maker=self.makers[0])
        known = self.discoveries[0], self.shares[0]
        return [cell for cell in self.grown(original) if (cell.discovery, cell.share) == known]

    def candidates(self, method: str) -> dict[str, Hyperparameters]:
        """The method's candidates by name, in grid order."""
        return self._candidates[method]

    def maker_of(self, method: str) -> str:
        """Whose original models a method starts from."""
        return self._config["methods"][method].get("maker") or self.makers[0]

    def expansions_of(self, method: str) -> list[str]:
        """Who grows the deletion sets of a method, PLAIN for nobody; several are chosen among."""
        return expansions_of(self._config["methods"][method])

    def expansion_of(self, method: str) -> str | tuple[str, ...]:
        """The same as a block says it."""
        one, *more = self.expansions_of(method)
        return (one, *more) if more else one

    @cached_property
    def trials(self) -> list[str]:
        """The deletion sets from which a part is held out, by the names of discoveries."""
        choosing = [method for method in self.methods if len(self.expansions_of(method)) > 1]
        known = dict.fromkeys(name for method in choosing for name in self.discoveries_of(method))
        return [f"{name}{TRIAL}" for name in known]

    def discoveries_of(self, method: str) -> list[str]:
        """Whose deletion sets a method runs on."""
        given = self._config["methods"][method].get("discovery") or self.discoveries
        return [given] if isinstance(given, str) else list(given)

    @cache  # noqa: B019 (an experiment lives as long as the program)
    def blocks(self, maker: str | None) -> tuple[Block, ...]:
        """What runs on each original model of a maker, in the order of the config."""
        return tuple(
            Block(
                method,
                discovery,
                self.expansion_of(method),
                tuple(self.shares),
                tuple(self.candidates(method)),
            )
            for method in self.methods
            if self.maker_of(method) == maker
            for discovery in self.discoveries_of(method)
        )

    def groups(self) -> Iterator[CandidateGroup]:
        """The candidates of every method, cut in grid order into what a job carries.

        Results are one file per candidate, so it matters to no result in which group a candidate stands.
        """
        for method, block in self._config["methods"].items():
            size, expansions = block["candidates_per_job"], self.expansions_of(method)
            several = len(expansions) > 1
            for expansion in expansions:
                rule = f"unlearn_{method}" + (f"__{expansion}" if several else "")
                discoveries = self.discoveries_of(method)
                if several:
                    discoveries += [f"{discovery}{TRIAL}" for discovery in discoveries]
                place = method, self.maker_of(method), expansion, tuple(discoveries)
                names = tuple(
                    name
                    for name in self.candidates(method)
                    if not several or setting_in(name, EXPANSION) == expansion
                )
                if size == 1:
                    yield CandidateGroup(rule, *place, names, one_per_job=True)
                    continue
                parts = [names[start : start + size] for start in range(0, len(names), size)]
                for number, part in enumerate(parts, 1):
                    suffix = f"_{number}" if len(parts) > 1 else ""
                    yield CandidateGroup(f"{rule}{suffix}", *place, part, one_per_job=False)

    def importances(
        self, method: str, expansion: str, candidates: Iterable[str] | None = None
    ) -> list[tuple[str, str]]:
        """The shared importances that `candidates` (default: all) of a method need on sets of an expansion.

        As pairs of a file in importances/ and what it is taken over: WHOLE, or a pattern of one deletion set.
        """
        known = self.candidates(method)
        use = self._use("methods", method)
        wanted = known if candidates is None else candidates
        needed = (pair for name in wanted for pair in signatures.importances_of(use, own_of(known[name])))
        cell = f"{expansion}/{{discovery}}/{{share}}"
        return list(dict.fromkeys((name, WHOLE if over == WHOLE else cell) for name, over in needed))

    def figures(self) -> dict[str, tuple[str, str] | Overview]:
        """Figures to draw: the paper's, the same three of any other manipulation, and overviews of datasets.

        The former are (manipulation, measure).
        """
        used = dict.fromkeys(run.manipulation for run in self.runs() if run.manipulation)
        drawn: dict[str, tuple[str, str] | Overview] = {
            name: figure for name, figure in FIGURES.items() if figure[0] in used
        }
        known = {manipulation for manipulation, _ in FIGURES.values()}
        for manipulation in used:
            if manipulation not in known:
                drawn |= {
                    f"{manipulation}_{kind}": (manipulation, measure) for kind, measure in KINDS.items()
                }
        uses = {
            dataset: {name: self.manipulation_use(dataset, name) for name in block["manipulations"]}
            for dataset, block in self._config["datasets"].items()
        }
        found = {
            name: (self._use("discoveries", name), self._settings("discoveries", name))
            for name in self.discoveries
        }
        growing = {name: self._use("expansions", name) for name in self.expansions}
        others = {name: one for name, one in overviews(uses, found, growing) if name not in drawn}
        return {**drawn, **others}

    # What a job is told: command lines in which equal settings are equal text. Where rules track them, a
    # job runs again when what it is told has changed.

    def arguments(self, identity: Identity, *names: str, **options: Any) -> str:
        """The names of a result and further options as a command line."""
        words = []
        for name in names:
            words += [f"--{name}", str(getattr(identity, name))]
        for option, value in options.items():
            words.append(f"--{option.replace('_', '-')}")
            parts = value if isinstance(value, list) else [value]
            words += [part if isinstance(part, str) else _json(part) for part in parts]
        return shlex.join(words)

    def setup(self, identity: Identity, **uses: str) -> dict[str, Any]:
        """Options of a job of the developer's; `uses` are further plug-ins behind its names."""
        return {"uses": self._uses(identity, **uses), **self._setup(identity.dataset)}

    @cache  # noqa: B019
    def _setup(self, dataset: str) -> dict[str, Any]:
        block = self._config["datasets"][dataset]
        model = block["model"]
        known = signatures.keywords("models", model["name"], "build")
        return {
            "model": {**signatures.defaults(known), **model},
            "recipe": asdict(Recipe(**block["recipe"])),
            "device": self._config["device"],
            "threads": str(self._config["threads"]),
        }

    def _uses(self, identity: Identity, **uses: str) -> dict[str, str]:
        """The plug-ins behind the names of a result."""
        return {"manipulation": self.manipulation_use(identity.dataset, str(identity.manipulation)), **uses}

    @cached_property
    def made_by(self) -> dict[str, Any]:
        """What the record of a result says of config and code, beside the sources of its job."""
        return {"config": hashlib.sha256(_json(self._config).encode()).hexdigest(), "commit": _commit()}

    def prepare_job(self, dataset: str) -> str:
        """What prepare.py is told."""
        source = self._config["datasets"][dataset]["source"]
        size = str(self._config["datasets"][dataset]["validation_size"])
        options = {"source": source["name"], "settings": without(source, "name"), "validation_size": size}
        return self.arguments(Identity(dataset), "dataset", **options)

    def manipulate_job(self, run: Identity) -> str:
        """What manipulate.py is told."""
        settings = self._manipulation(run.dataset, str(run.manipulation))
        return self.arguments(run, *OF_RUN, uses=self._uses(run), settings=settings)

    def train_job(self, original: Identity) -> str:
        """What train.py is told."""
        maker = str(original.maker)
        setup = self.setup(original, maker=self._use("originals", maker))
        return self.arguments(original, *OF_ORIGINAL, **setup, settings=self._settings("originals", maker))

    def bound_job(self, identity: Identity) -> str:
        """What bound.py is told."""
        return self.arguments(identity, *OF_BOUND, **self.setup(identity))

    def discover_job(self, cell: Identity) -> str:
        """What discover.py is told."""
        name = str(cell.discovery)
        uses = self._uses(cell, discovery=self._use("discoveries", name))
        settings = self._discovery(cell.dataset, name)
        return self.arguments(cell, *OF_DELETION_SET, uses=uses, settings=settings)

    def withhold_job(self, cell: Identity) -> str:
        """What withhold.py is told."""
        return self.arguments(cell, *OF_DELETION_SET, uses=self._uses(cell))

    def expand_job(self, cell: Identity) -> str:
        """What expand.py is told."""
        name = str(cell.expansion)
        setup = self.setup(cell, expansion=self._use("expansions", name))
        return self.arguments(cell, *OF_DELETION_SET, **setup, settings=self._settings("expansions", name))

    def importance_job(self, identity: Identity) -> str:
        """What importance.py is told."""
        return self.arguments(identity, *OF_IMPORTANCE, **self.setup(identity))

    def unlearn_job(self, cell: Identity) -> str:
        """What unlearn.py and save_model.py are told, but for the candidates."""
        setup = self.setup(cell, method=self._use("methods", str(cell.method)))
        return self.arguments(cell, *OF_CANDIDATES, **setup)

    def hyperparameters(self, method: str, candidates: Iterable[str]) -> str:
        """The hyperparameters of the named candidates, as an option."""
        known = self.candidates(method)
        return shlex.join(["--candidates", _json([known[name] for name in candidates])])

    def selection_job(self, original: Identity, blocks: Iterable[Block] | None = None) -> str:
        """What selection.py is told of these blocks (default: all of its original model's)."""
        options = {"measures": self._developers_files, "weights": self._config["selection"]}
        options["rule"] = self.selection_rule
        options |= self.setup(original)
        return self.arguments(original, *OF_ORIGINAL, blocks=self._blocks(original, blocks), **options)

    def measure_job(
        self,
        original: Identity,
        blocks: Iterable[Block] | None = None,
        bounds: Iterable[str] | None = None,
        grown: Iterable[Identity] | None = None,
    ) -> str:
        """What measure.py is told of these blocks, bounds and grown deletion sets (default: all)."""
        told: dict[str, Any] = {"blocks": self._blocks(original, blocks), "measures": self.measure_files}
        told |= {"rules": plugins.names("selections")}
        told |= _if_any(bounds=self.bounds if bounds is None else list(bounds))
        cells = self.grown(original) if grown is None else grown
        rankings = [[cell.expansion, cell.discovery, cell.share] for cell in cells]
        told |= {"rankings": _json(rankings)} if rankings else {}
        return self.arguments(original, *OF_ORIGINAL, **told)

    def collect_job(self, tables: str) -> str:
        """What collect.py is told, which writes to the folder `tables`."""
        runs = [
            [dataset, [[name, settings["n"]] for name, settings in block["manipulations"].items()]]
            for dataset, block in self._config["datasets"].items()
        ]
        seeds = [str(seed) for seed in self._config["seeds"]]
        told = {"runs": _json(runs), "seeds": seeds, "makers": self.makers, **_if_any(bounds=self.bounds)}
        return self.arguments(Identity(""), **told, **_if_any(expansions=self.expansions), tables=tables)

    def calibrate_job(self, tables: str, figures: str) -> str:
        """What calibrate.py is told: who found S_f, and who found it less each fold.

        Raises ConfigError where nobody did.
        """
        used = {name: self._use("discoveries", name) for name in self.discoveries}
        folds = [name for name, use in used.items() if use == "held_out"]
        whole = [name for name, use in used.items() if use == "uniform"]
        for method in self.methods:
            if len(self.expansions_of(method)) > 1:
                problem = "the judge is tried on methods that choose among no expansions: name one"
                raise ConfigError(("methods", method, "expansion"), problem)
        if not folds or not whole:
            problem = "the judge is tried on a block `uniform` and one with `use: held_out` for each fold"
            raise ConfigError(("discoveries",), problem)
        originals = [
            [original.names, json.loads(self._blocks(original, None))] for original in self.originals()
        ]
        told = {"originals": _json(originals), "whole": whole[0], "folds": folds, "shown": self.shown}
        return self.arguments(Identity(""), **told, tables=tables, figures=figures)

    def summarise_job(self, tables: str) -> str:
        """What summarise.py is told."""
        return self.arguments(Identity(""), tables=tables, shown=self.shown, **_if_any(bounds=self.bounds))

    def plot_job(self, tables: str, figures: str) -> str:
        """What plot.py is told, which writes to the folder `figures`."""
        return self.arguments(Identity(""), tables=tables, figures=figures, shown=self.shown)

    def page_job(self, tables: str, figures: str, output: str) -> str:
        """What page.py is told of where things are and how they look."""
        return self.arguments(Identity(""), tables=tables, figures=figures, shown=self.shown, output=output)

    def page_also(self, command: str, examples: Iterable[str], suspects: Iterable[str]) -> str:
        """What page.py is told beside that."""
        given = {"command": command, "config": self.document, "examples": [str(path) for path in examples]}
        given |= _if_any(suspects=[str(path) for path in suspects])
        return self.arguments(Identity(""), **given)

    def examples_job(self, dataset: str, manipulation: str) -> str:
        """What examples.py is told."""
        return self.arguments(self.example(dataset, manipulation), *OF_RUN, label=self.label(dataset))

    def suspects_job(self, dataset: str, manipulation: str) -> str:
        """What suspects.py is told."""
        first, *_ = self.shown_rankings(dataset, manipulation)
        told = {"discovery": first.discovery, "share": first.share, "expansions": self.expansions}
        return self.arguments(first, *OF_ORIGINAL, **told, label=self.label(dataset))

    def _blocks(self, original: Identity, blocks: Iterable[Block] | None) -> str:
        return _json([asdict(block) for block in (self.blocks(original.maker) if blocks is None else blocks)])

    @cached_property
    def shown(self) -> str:
        """How things look and what they are called in figures and on the page, as JSON.

        Methods, datasets and figures are lists of pairs: their order is that of legends, panels and the page.
        """
        return _json(
            {
                "methods": [[name, block["style"]] for name, block in self._config["methods"].items()],
                "datasets": [(name, block["label"]) for name, block in self._config["datasets"].items()],
                "manipulations": self._words(),
                "figures": list(self.figures().items()),
                "measures": self.measure_files,
                "makers": self.makers,
                "discoveries": self.discoveries,
            }
        )

    def _words(self) -> dict[str, dict[str, str]]:
        """What each manipulation calls its affected and unaffected images."""
        words = {}
        for dataset, block in self._config["datasets"].items():
            for name in block["manipulations"]:
                adversary = self._adversary(dataset, name)
                words[name] = {
                    "affected": adversary.affected_images,
                    "unaffected": adversary.unaffected_images,
                }
        return words

    def label(self, dataset: str) -> str:
        """The dataset's name for readers."""
        label: str = self._config["datasets"][dataset]["label"]
        return label

    @property
    def document(self) -> str:
        """The whole config, defaults included."""
        return _json(self._config)

    # What the code of a job is: fingerprints of sources

    def source_fingerprint(self, dataset: str) -> str:
        """What changes when the dataset's images may have changed."""
        return self._descriptions[dataset].fingerprint

    def source(self, dataset: str) -> str:
        """The file in datasets/ that loads `dataset`."""
        name: str = self._config["datasets"][dataset]["source"]["name"]
        return name

    def manipulation_use(self, dataset: str, manipulation: str) -> str:
        """The file in manipulations/ behind a block."""
        use: str = self._config["datasets"][dataset]["manipulations"][manipulation].get("use", manipulation)
        return use

    def sources(self, script: str, dataset: str | None = None, **blocks: str) -> str:
        """Fingerprint of the code a job runs: `script`, the model of `dataset` and plug-ins of blocks.

        `blocks` are as in `methods="ssd"`: the plug-in is the one behind that block.
        """
        files = [f"{package}/{self._use(package, name)}" for package, name in blocks.items()]
        if dataset:
            files.append(f"models/{self._config['datasets'][dataset]['model']['name']}")
        return self.sources_of(script, *files)

    def sources_of(self, script: str, *files: str) -> str:
        """The same for plug-ins by the paths of their files, as in `manipulations/poison`."""
        return fingerprint(f"{script}.py", *(f"redress/plugins/{file}.py" for file in files))

    def measure_sources(self, script: str) -> str:
        """The same with all files of measures and of rules; for selection.py with those it selects by."""
        files = self._developers_files if script == "selection" else self.measure_files
        rules = {"selection": [self.selection_rule], "measure": plugins.names("selections")}.get(script, [])
        names = [f"measures/{file}" for file in files] + [f"selections/{rule}" for rule in rules]
        return self.sources_of(script, *names)

    @cached_property
    def _developers_files(self) -> list[str]:
        """The files of measures that selection is made by."""
        weighed = self._config["selection"]
        return [
            file
            for file in self.measure_files
            if file == "developer" or weighed.keys() & signatures.measure_names(file).keys()
        ]

    def inputs(self, package: str, name: str) -> list[str]:
        """Files of the user's that a block's plug-in reads."""
        use = self._use(package, name)
        if not signatures.has_function(package, use, "inputs"):
            return []
        found: list[str] = load(package, use).inputs(**self._settings(package, name))
        return found

    def needs_margins(self, discovery: str) -> bool:
        """Whether a discovery asks for the margin log of M_o's training."""
        return signatures.takes("discoveries", self._use("discoveries", discovery), "discover", "margins")

    # How jobs run

    @property
    def save_models(self) -> bool:
        """Whether the selected models' weights are kept."""
        return bool(self._config["save_models"] == "selected")

    @property
    def threads(self) -> int:
        """CPU threads of a training or unlearning job."""
        threads: int = self._config["threads"]
        return threads

    @property
    def time_limit(self) -> float | None:
        """Minutes that a job may take; None for as long as it likes."""
        limit: float | None = self._config["time_limit"]
        return limit

    def check_machine(self) -> None:
        """Raise ConfigError where this machine cannot run the jobs itself."""
        if self._config["device"] == "cuda" and not has_gpu():
            raise ConfigError(["device"], "'cuda', but this machine has no NVIDIA GPU: use auto or cpu")

    def gpus(self, local: bool) -> int:
        """GPUs a training or unlearning job takes: none where it will run on the CPU.

        A cluster's jobs, which are not `local`, take one unless `device` is cpu, whatever the machine that
        submits them has.
        """
        device = self._config["device"]
        return int(device == "cuda" or (device == "auto" and (not local or has_gpu())))

    def resource(self, stage: str, name: str) -> int:
        """What a job of `stage` asks of a scheduler: `mem_mb` or `runtime` in minutes."""
        amount: int = self._config["resources"][stage][name]
        return amount

    # Blocks and the plug-ins behind them

    def _use(self, package: str, name: str) -> str:
        """The file in `package` behind the block `name`, or of that name where config has no such blocks."""
        blocks = self._config.get(package, {})
        block = blocks.get(name, {}) if isinstance(blocks, Mapping) else {}
        use: str = block.get("use", name)
        return use

    def _settings(self, package: str, name: str) -> dict[str, Any]:
        """A block's own settings, defaults of its plug-in included."""
        function = checks.FUNCTIONS[package]
        known = signatures.keywords(package, self._use(package, name), function)
        return {**signatures.defaults(known), **without(self._config[package][name], "use")}

    def _manipulation(self, dataset: str, name: str) -> dict[str, Any]:
        """Settings of a manipulation, classes given by name turned into their numbers."""
        settings = without(self._config["datasets"][dataset]["manipulations"][name], "use", "n")
        known = signatures.fields("manipulations", self.manipulation_use(dataset, name))
        path: Path_ = ["datasets", dataset, "manipulations", name]
        return {**signatures.defaults(known), **self._numbered(dataset, path, settings)}

    def _discovery(self, dataset: str, name: str) -> dict[str, Any]:
        """Settings of a discovery, likewise."""
        return self._numbered(dataset, ["discoveries", name], self._settings("discoveries", name))

    def _adversary(self, dataset: str, name: str) -> Manipulation:
        return manipulation_of(self.manipulation_use(dataset, name), self._manipulation(dataset, name))

    def _numbered(self, dataset: str, path: Path_, settings: Mapping[str, Any]) -> dict[str, Any]:
        """`settings`, which stand at `path`, with classes given by name turned into their numbers."""

        def numbers(key: str, given: Any) -> Any:
            if isinstance(given, list):
                return [numbers(key, one) for one in given]
            return self._class_number(dataset, [*path, key], given)

        def may_name(key: str, given: Any) -> bool:
            return key in ONE_CLASS or (key in LISTS_OF_CLASSES and isinstance(given, list))

        return {
            key: numbers(key, given) if may_name(key, given) else given for key, given in settings.items()
        }

    def _class_number(self, dataset: str, path: Path_, given: Any) -> Any:
        """A class's number; where classes are called by numbers, 2 is the one called 2."""
        classes = self._descriptions[dataset].classes
        if isinstance(given, int) and not isinstance(given, bool):
            called_by_numbers = all(name.isdecimal() for name in classes)
            if str(given) in classes or (called_by_numbers and 0 <= given < len(classes)):
                given = str(given)
        if not isinstance(given, str):
            return given
        if given not in classes:
            raise ConfigError(path, f"there is no class {given!r}; allowed: {', '.join(classes)}")
        return classes.index(given)

    # Checks that a schema cannot make

    def _describe(self, dataset: str) -> Description:
        path: Path_ = ["datasets", dataset, "source"]
        source = self._config["datasets"][dataset]["source"]
        checks.check_plugin([*path, "name"], "datasets", source["name"])
        checks.check_settings(
            path, without(source, "name"), signatures.keywords("datasets", source["name"], "describe")
        )
        try:
            description: Description = load("datasets", source["name"]).describe(**without(source, "name"))
        except (OSError, ValueError) as error:
            raise ConfigError(path, str(error)) from error
        return description

    def _check(self) -> None:
        for package in ("originals", "expansions"):
            for name, block in self._config[package].items():
                self._check_block(package, name, block)
        for name, block in self._config["discoveries"].items():
            self._check_discovery(name, block)
        for file in self._config["measures"]:
            checks.check_plugin(["measures"], "measures", file)
        checks.check_measures(self.measure_files, self._config["selection"])
        for bound in self.bounds:
            checks.check_bound(bound)
        checks.check_rule(self.selection_rule)
        self._check_methods()
        for dataset, block in self._config["datasets"].items():
            self._check_dataset(dataset, block)

    def _check_methods(self) -> None:
        for method, block in self._config["methods"].items():
            checks.check_method(method, block, self._config)
        labels = [block["style"].get("label", name) for name, block in self._config["methods"].items()]
        for method, label in zip(self.methods, labels, strict=True):
            if labels.count(label) > 1:
                raise ConfigError(["methods", method, "style", "label"], f"{label!r} is given twice")

    def _check_block(self, package: str, name: str, block: Mapping[str, Any]) -> None:
        path: Path_ = [package, name]
        use = block.get("use", name)
        checks.check_plugin([*path, "use"] if "use" in block else path, package, use)
        settings = without(block, "use")
        checks.check_settings(path, settings, signatures.keywords(package, use, checks.FUNCTIONS[package]))
        if signatures.has_function(package, use, "problems"):
            for key, problem in load(package, use).problems(**self._settings(package, name)):
                raise ConfigError([*path, key], problem)

    def _check_discovery(self, name: str, block: Mapping[str, Any]) -> None:
        path: Path_ = ["discoveries", name]
        use = block.get("use", name)
        checks.check_plugin([*path, "use"] if "use" in block else path, "discoveries", use)
        known = signatures.keywords("discoveries", use, checks.FUNCTIONS["discoveries"])
        for dataset in self.datasets:
            given = self._numbered(dataset, path, without(block, "use"))
            checks.check_settings(path, given, known)

    def _check_found(self, dataset: str, adversary: Manipulation, n: int) -> None:
        """Whether discoveries can find what they are to find of n manipulated samples."""
        fractions, description = self._config["deletion_fractions"], self._descriptions[dataset]
        for name in self.discoveries:
            use = self._use("discoveries", name)
            if signatures.has_function("discoveries", use, "problems"):
                find_problems = load("discoveries", use).problems
                settings = self._discovery(dataset, name)
                for key, problem in find_problems(adversary, n, fractions, description, **settings):
                    raise ConfigError(["discoveries", name, key], problem)

    def _check_dataset(self, dataset: str, block: Mapping[str, Any]) -> None:
        path: Path_ = ["datasets", dataset]
        size, description = block["validation_size"], self._descriptions[dataset]
        if size >= 1 and not isinstance(size, int):
            raise ConfigError([*path, "validation_size"], f"{size} is neither a share below 1 nor an integer")
        classes, pool = len(description.classes), sum(description.test_per_class)
        if min(description.test_per_class) < 2:
            name = description.classes[description.test_per_class.index(min(description.test_per_class))]
            problem = f"class {name} has fewer than 2 test images: one is to validate by, one to report on"
            raise ConfigError([*path, "source"], problem)
        if not classes <= (size if size >= 1 else round(size * pool)) <= pool - classes:
            allowed = f"{classes} to {pool - classes}, or a share that gives as many"
            raise ConfigError([*path, "validation_size"], f"{size} of {pool} samples: {allowed}")
        padding = block["recipe"]["crop_padding"]
        if padding >= description.image_size:
            problem = f"{padding} is out of range: less than the image size, {description.image_size}"
            raise ConfigError([*path, "recipe", "crop_padding"], problem)
        model = block["model"]
        checks.check_plugin([*path, "model", "name"], "models", model["name"])
        known = signatures.keywords("models", model["name"], "build")
        checks.check_settings([*path, "model"], without(model, "name"), known)
        smallest = signatures.constant("models", model["name"], "MINIMUM_IMAGE_SIZE", 1)
        if description.image_size < smallest:
            problem = (
                f"{model['name']} needs images of {smallest} pixels or more, not {description.image_size}"
            )
            raise ConfigError([*path, "model", "name"], problem)
        self._check_layers(dataset, model["name"])
        for name, settings in block["manipulations"].items():
            self._check_manipulation([*path, "manipulations", name], dataset, name, settings)

    def _check_layers(self, dataset: str, model: str) -> None:
        """That the model of a dataset has what makers and methods need of it."""
        for maker in self.makers:
            needed = signatures.constant("originals", self._use("originals", maker), "NEEDS_MODEL")
            if needed and not signatures.constant("models", model, needed):
                problem = f"needs a model with {needed}, which {model} of {dataset} has not"
                raise ConfigError(["originals", maker], problem)
        layers = signatures.constant("models", model, "LAYERS")
        for method, block in self._config["methods"].items():
            name = signatures.constant("methods", self._use("methods", method), "LAYERS")
            for given in (candidate.get(name) for candidate in expand(block["grid"])):
                if layers and given and given > layers:
                    problem = f"{given} is out of range: 1 to {layers}, the layers of {model} of {dataset}"
                    raise ConfigError(["methods", method, "grid", name], problem)

    def _check_manipulation(self, path: Path_, dataset: str, name: str, block: Mapping[str, Any]) -> None:
        use = self.manipulation_use(dataset, name)
        checks.check_plugin([*path, "use"] if "use" in block else path, "manipulations", use)
        settings = self._manipulation(dataset, name)
        checks.check_settings(path, settings, signatures.fields("manipulations", use))
        adversary, description = self._adversary(dataset, name), self._descriptions[dataset]
        samples = sum(description.train_per_class)
        for n in block["n"]:
            for key, problem in adversary.problems(n, description):
                raise ConfigError([*path, key], problem)
            for fraction in self._config["deletion_fractions"]:
                size, where = round(fraction * n), f"{fraction:g} of the {n} samples of {dataset}'s {name}"
                if size < 1:
                    problem = f"{where} rounds to 0 samples: use at least {0.5 / n:.2g}"
                    raise ConfigError(["deletion_fractions"], problem)
                if size >= samples:
                    problem = f"{where} are all {samples} training samples: nothing is left to learn from"
                    raise ConfigError(["deletion_fractions"], problem)
            self._check_found(dataset, adversary, n)


def _commit() -> str | None:
    """The checked-out git commit, with `-dirty` if tracked files differ from it; None outside git."""
    if not (ROOT / ".git").exists():  # a repository around the project's folder is somebody else's
        return None
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


@cache
def has_gpu() -> bool:
    """Whether this machine shows an NVIDIA GPU, found out without importing PyTorch."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1")
    return not hidden and (any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists())


def _if_any(**options: list[str]) -> dict[str, list[str]]:
    """Options that have values."""
    return {name: values for name, values in options.items() if values}


def without(block: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """A copy that lacks these keys."""
    return {key: value for key, value in block.items() if key not in keys}


def _json(content: Any) -> str:
    return json.dumps(content, sort_keys=True)
