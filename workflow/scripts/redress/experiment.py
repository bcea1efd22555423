"""What the rules ask of a config. Imports neither PyTorch nor pandas: Snakemake reads it at every start."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from redress import checks, plugins
from redress.candidates import Hyperparameters, candidate_name, expand
from redress.checks import ConfigError
from redress.data import Description
from redress.manipulation import deletion_size
from redress.recipe import Recipe
from redress.sources import fingerprint

FIGURES = {
    "figure2_poison_removal": ("poison", "removal_test"),
    "figure3_poison_utility": ("poison", "utility_test"),
    "figure4_interclass_removal": ("interclass", "removal_test"),
    "figure5_interclass_manipulated": ("interclass", "removal_train"),
    "figure6_poison_manipulated": ("poison", "removal_train"),
    "figure7_interclass_utility": ("interclass", "utility_test"),
}
"""The paper's figures: name to (manipulation, column)."""

KINDS = {"removal": "removal_test", "utility": "utility_test", "manipulated": "removal_train"}


@dataclass(frozen=True)
class Original:
    """What names an original model."""

    dataset: str
    manipulation: str
    n: int
    seed: int


@dataclass(frozen=True)
class CandidateGroup:
    """Candidates of one method whose jobs one rule describes: together in a job, or each in its own."""

    rule: str
    method: str
    candidates: tuple[str, ...]
    one_per_job: bool

    def files(self, pattern: str) -> list[str]:
        """The outputs of a job: `pattern` with {method} and, where it is known, {candidate} filled in."""
        pattern = pattern.replace("{method}", self.method)
        if self.one_per_job:
            return [pattern]
        return [pattern.replace("{candidate}", candidate) for candidate in self.candidates]

    def log(self, pattern: str) -> str:
        """The log of a job, which has the wildcards of its outputs."""
        name = "{candidate}" if self.one_per_job else self.rule
        return pattern.replace("{method}", self.method).replace("{candidate}", name)


class Experiment:
    """A checked config. Raises ConfigError, in one line, where it cannot be run."""

    def __init__(self, config: Mapping[str, Any]):
        checks.check_shape(config)
        self._config = checks.with_defaults(config)
        self._descriptions = {name: self._describe(name) for name in self._config["datasets"]}
        self._check()
        self._candidates = {
            method: {candidate_name(candidate): candidate for candidate in expand(block["grid"])}
            for method, block in self._config["methods"].items()
        }

    # What is compared

    @property
    def methods(self) -> list[str]:
        """Methods in the order of the config."""
        return list(self._config["methods"])

    @property
    def datasets(self) -> list[str]:
        """Datasets in the order of the config."""
        return list(self._config["datasets"])

    @property
    def fractions(self) -> list[str]:
        """Deletion fractions as they stand in paths, ascending."""
        return [repr(float(fraction)) for fraction in sorted(self._config["deletion_fractions"])]

    def originals(self) -> Iterator[Original]:
        """Every original model."""
        for dataset, block in self._config["datasets"].items():
            for manipulation, settings in block["manipulations"].items():
                for n in settings["n"]:
                    for seed in self._config["seeds"]:
                        yield Original(dataset, manipulation, n, seed)

    def examples(self) -> Iterator[Original]:
        """Whose manipulated images are shown: one for each manipulation of each dataset."""
        for dataset, block in self._config["datasets"].items():
            for manipulation in block["manipulations"]:
                yield self.example(dataset, manipulation)

    def example(self, dataset: str, manipulation: str) -> Original:
        """The one of these that has the largest n and the first seed."""
        settings = self._config["datasets"][dataset]["manipulations"][manipulation]
        return Original(dataset, manipulation, max(settings["n"]), self._config["seeds"][0])

    def candidates(self, method: str) -> dict[str, Hyperparameters]:
        """The method's candidates by name, in grid order."""
        return self._candidates[method]

    def groups(self) -> Iterator[CandidateGroup]:
        """The candidates of every method, cut in grid order into what a job carries.

        Results are one file per candidate, so it matters to no result in which group a candidate stands.
        """
        for method, block in self._config["methods"].items():
            names, size = tuple(self.candidates(method)), block["candidates_per_job"]
            if size == 1:
                yield CandidateGroup(f"unlearn_{method}", method, names, one_per_job=True)
                continue
            parts = [names[start : start + size] for start in range(0, len(names), size)]
            for number, part in enumerate(parts, 1):
                suffix = f"_{number}" if len(parts) > 1 else ""
                yield CandidateGroup(f"unlearn_{method}{suffix}", method, part, one_per_job=False)

    def statistics(self, method: str, candidates: Iterable[str] | None = None) -> list[tuple[str, str]]:
        """The shared statistics that `candidates` (default: all) of a method need.

        As pairs of a file in importances/ and what it is taken over, `training_set` or `deletion_set`.
        """
        known = self.candidates(method)
        wanted = known if candidates is None else candidates
        needed = (pair for name in wanted for pair in plugins.statistics(method, known[name]))
        return list(dict.fromkeys(needed))

    def figures(self) -> dict[str, tuple[str, str]]:
        """Figures to draw: the paper's, and the same three of any other manipulation."""
        used = dict.fromkeys(original.manipulation for original in self.originals())
        drawn = {name: figure for name, figure in FIGURES.items() if figure[0] in used}
        known = {manipulation for manipulation, _ in FIGURES.values()}
        for manipulation in used:
            if manipulation not in known:
                drawn |= {f"{manipulation}_{kind}": (manipulation, column) for kind, column in KINDS.items()}
        return drawn

    @property
    def figure_plan(self) -> str:
        """The figures as JSON: name to [manipulation, column]."""
        return _json(self.figures())

    # What a job is told. Everything is canonical JSON: equal settings give equal text.

    def label(self, dataset: str) -> str:
        """The dataset's name for readers."""
        label: str = self._config["datasets"][dataset]["label"]
        return label

    def source(self, dataset: str) -> str:
        """The file in datasets/ that loads `dataset`."""
        name: str = self._config["datasets"][dataset]["source"]["name"]
        return name

    def source_settings(self, dataset: str) -> str:
        """That file's own settings."""
        return _json(_without_name(self._config["datasets"][dataset]["source"]))

    def source_fingerprint(self, dataset: str) -> str:
        """What changes when the dataset's images may have changed."""
        return self._descriptions[dataset].fingerprint

    def validation_size(self, dataset: str) -> float:
        """Share or number of the test pool's samples that validate."""
        size: float = self._config["datasets"][dataset]["validation_size"]
        return size

    def manipulation_settings(self, dataset: str, manipulation: str) -> str:
        """The manipulation's own settings, defaults included."""
        return _json(self._manipulation(dataset, manipulation))

    def settings(self, dataset: str, manipulation: str) -> str:
        """Model, recipe and manipulation: what training, and so everything after it, depends on."""
        block = self._config["datasets"][dataset]
        model = block["model"]
        known = plugins.keywords("models", model["name"], "build")
        return _json(
            {
                "model": {**plugins.defaults(known), **model},
                "recipe": asdict(Recipe(**block["recipe"])),
                "manipulation": self._manipulation(dataset, manipulation),
            }
        )

    def hyperparameters(self, method: str, candidates: list[str]) -> str:
        """The hyperparameters of the named candidates, as a list."""
        known = self.candidates(method)
        return _json([known[name] for name in candidates])

    @property
    def selection_weights(self) -> str:
        """Weights of validation accuracy and deletion change."""
        return _json(self._config["selection"])

    @property
    def styles(self) -> str:
        """Labels, colours and markers of methods and labels of datasets, as config gives them.

        A list of pairs, for the order of the methods is that of legends.
        """
        methods = [[name, block["style"]] for name, block in self._config["methods"].items()]
        datasets = {name: block["label"] for name, block in self._config["datasets"].items()}
        return _json({"methods": methods, "datasets": datasets})

    @property
    def document(self) -> str:
        """The whole config, defaults included."""
        return _json(self._config)

    def sources(self, script: str, **plugin: str) -> list[str]:
        """Fingerprint of the code a job runs: `script` and plugins as in `methods="ssd"`."""
        files = [f"{package}/{name}.py" for package, name in plugin.items()]
        return fingerprint(f"{script}.py", *files)

    def scenario_sources(self, script: str, dataset: str, manipulation: str, **plugin: str) -> list[str]:
        """The same for a job that opens a scenario and so uses its manipulation and model."""
        model = self._config["datasets"][dataset]["model"]["name"]
        return self.sources(script, manipulations=manipulation, models=model, **plugin)

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

    def check_machine(self) -> None:
        """Raise ConfigError where this machine cannot run the jobs itself."""
        if self._config["device"] == "cuda" and not has_gpu():
            raise ConfigError(["device"], "'cuda', but this machine has no NVIDIA GPU: auto or cpu")

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

    @cached_property
    def runtime(self) -> str:
        """Command-line arguments that say how a job runs rather than what it computes."""
        device, digest = self._config["device"], hashlib.sha256(_json(self._config).encode()).hexdigest()
        return f"--device {device} --threads {self.threads} --config-digest {digest}"

    def _manipulation(self, dataset: str, name: str) -> dict[str, Any]:
        """Settings of a manipulation, classes given by name turned into their numbers."""
        settings = dict(self._config["datasets"][dataset]["manipulations"][name])
        del settings["n"]
        if "classes" in settings and isinstance(settings["classes"], list):
            settings["classes"] = [self._class_number(dataset, name, c) for c in settings["classes"]]
        return {**plugins.defaults(plugins.fields("manipulations", name)), **settings}

    def _class_number(self, dataset: str, manipulation: str, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        classes = self._descriptions[dataset].classes
        if given not in classes:
            path = ["datasets", dataset, "manipulations", manipulation, "classes"]
            raise ConfigError(path, f"there is no class {given!r}: {', '.join(classes)}")
        return classes.index(given)

    # Checks that a schema cannot make

    def _describe(self, dataset: str) -> Description:
        path: list[str | int] = ["datasets", dataset, "source"]
        source = self._config["datasets"][dataset]["source"]
        checks.check_plugin([*path, "name"], "datasets", source["name"])
        checks.check_settings(
            path, _without_name(source), plugins.keywords("datasets", source["name"], "describe")
        )
        try:
            description: Description = plugins.load("datasets", source["name"]).describe(
                **_without_name(source)
            )
        except (OSError, ValueError) as error:
            raise ConfigError(path, str(error)) from error
        return description

    def _check(self) -> None:
        if not any(self._config["selection"].values()):
            raise ConfigError(["selection"], "every weight is 0: at least one must be more")
        for method, block in self._config["methods"].items():
            checks.check_method(method, block)
        for dataset, block in self._config["datasets"].items():
            self._check_dataset(dataset, block)

    def _check_dataset(self, dataset: str, block: Mapping[str, Any]) -> None:
        path: list[str | int] = ["datasets", dataset]
        size, description = block["validation_size"], self._descriptions[dataset]
        if size >= 1 and not isinstance(size, int):
            raise ConfigError([*path, "validation_size"], f"{size} is neither a share below 1 nor an integer")
        classes, pool = len(description.classes), sum(description.test_per_class)
        if not classes <= (size if size >= 1 else round(size * pool)) <= pool - classes:
            allowed = f"{classes} to {pool - classes}, or a share that gives as many"
            raise ConfigError([*path, "validation_size"], f"{size} of {pool} samples: {allowed}")
        padding = block["recipe"]["crop_padding"]
        if padding >= description.image_size:
            problem = f"{padding} is out of range: less than the image size, {description.image_size}"
            raise ConfigError([*path, "recipe", "crop_padding"], problem)
        model = block["model"]
        checks.check_plugin([*path, "model", "name"], "models", model["name"])
        known = plugins.keywords("models", model["name"], "build")
        checks.check_settings([*path, "model"], _without_name(model), known)
        smallest = plugins.constant("models", model["name"], "MINIMUM_IMAGE_SIZE", 1)
        if description.image_size < smallest:
            problem = (
                f"{model['name']} needs images of {smallest} pixels or more, not {description.image_size}"
            )
            raise ConfigError([*path, "model", "name"], problem)
        for name in block["manipulations"]:
            self._check_manipulation([*path, "manipulations", name], dataset, name)

    def _check_manipulation(self, path: list[str | int], dataset: str, name: str) -> None:
        checks.check_plugin(path, "manipulations", name)
        settings = self._manipulation(dataset, name)
        checks.check_settings(path, settings, plugins.fields("manipulations", name))
        manipulation = plugins.manipulation(name, settings)
        description = self._descriptions[dataset]
        for n in self._config["datasets"][dataset]["manipulations"][name]["n"]:
            for key, problem in manipulation.problems(n, description):
                raise ConfigError([*path, key], problem)
            for fraction in self._config["deletion_fractions"]:
                if deletion_size(fraction, n) < 1:
                    problem = f"{fraction:g} of the {n} samples of {dataset}'s {name} rounds to no sample"
                    raise ConfigError(["deletion_fractions"], f"{problem}: at least {0.5 / n:.2g}")


def has_gpu() -> bool:
    """Whether this machine shows an NVIDIA GPU, found out without importing PyTorch."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1")
    return not hidden and (any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists())


def _without_name(block: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key != "name"}


def _json(content: Any) -> str:
    return json.dumps(content, sort_keys=True)
