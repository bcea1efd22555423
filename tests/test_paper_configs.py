"""The paper's experiments: every number of the protocol a second time, and the jobs Snakemake plans of it."""

import copy
import json
import shlex

import pytest
import yaml
from PIL import Image
from project import ROOT, Project
from snakemake.utils import update_config

from redress.plan import signatures
from redress.plan.checks import ConfigError
from redress.plan.experiment import Experiment
from redress.plugins.datasets import cifar10, cifar100

PAPER = ["paper-cifar10", "paper-cifar100", "paper-pcam", "paper"]

RECIPE = {
    "batch_size": 512,
    "learning_rate": 0.025,
    "momentum": 0.9,
    "weight_decay": 0.0005,
    "warmup": 1 / 100,
    "decay_stretch": 1.25,
    "crop_padding": 4,
    "flip": True,
    "precision": "auto",
}
STEPS = {"cifar10": 4000, "cifar100": 6000, "pcam": 4000}
MODELS = {
    "cifar10": {"name": "resnet9", "width": 64},
    "cifar100": {"name": "wideresnet", "depth": 28, "widen_factor": 10},
    "pcam": {"name": "resnet9", "width": 64},
}
TRAINING_SAMPLES = {"cifar10": 50_000, "cifar100": 50_000, "pcam": 262_144}
PERCENT = {
    ("cifar10", "poison"): [0.2, 1, 2],
    ("cifar10", "interclass"): [1, 5, 10],
    ("cifar100", "poison"): [0.2, 1, 2],
    ("cifar100", "interclass"): [0.2, 0.5, 1],
    ("pcam", "poison"): [0.2, 1, 2],
}
CONFUSED = {"cifar10": [3, 5], "cifar100": [47, 52]}
POISON = {"target_class": 0, "patch_size": 3, "trigger_stage": "model", "triggers": 1, "position": "corner"}

ALPHAS = [0.1, 1, 10, 50, 100, 500, 1e3, 1e4, 1e5, 1e6]
GAMMAS = [0.1, 0.5, 1, 5, 10]
SCRUB_ALPHAS = [0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
SCRUB = {"steps": 1000, "ascent_steps": 200, "learning_rate": 0.0025, "temperature": 4}
CANDIDATES = {
    "eu": [{"k": None}],
    "cf": [{"steps": 1000, "k": None}],
    "ssd": [
        {"alpha": alpha, "gamma_over_alpha": gamma, "importance": "batch"}
        for alpha in ALPHAS
        for gamma in GAMMAS
    ],
    "badt": [{"steps": 1000, "kl_reduction": "batchmean"}],
    "scrub": [{"alpha": alpha, **SCRUB} for alpha in SCRUB_ALPHAS],
}


def merged(*names):
    """Config files laid over each other as Snakemake does it."""
    config = {}
    for name in names:
        update_config(config, copy.deepcopy(yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())))
    return config


def candidates(experiment, method):
    """The candidates' hyperparameters with the defaults of what they leave out."""
    defaults = signatures.defaults(signatures.keywords("methods", method, "unlearn"))
    return [{**defaults, **given} for given in experiment.candidates(method).values()]


def told(command):
    """The options of a command line, read from JSON where they are JSON."""
    words = shlex.split(command)
    options = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        try:
            options[name.removeprefix("--")] = json.loads(value)
        except ValueError:
            options[name.removeprefix("--")] = value
    return options


def first_run(experiment, dataset, manipulation):
    return next(
        run for run in experiment.runs() if (run.dataset, run.manipulation) == (dataset, manipulation)
    )


def trained_by(experiment, dataset, manipulation):
    """What the job that trains an original model is told."""
    original = first_run(experiment, dataset, manipulation).having(maker="standard")
    return told(experiment.train_job(original))


def manipulated_by(experiment, dataset, manipulation):
    """The settings that the adversary's job is told."""
    return told(experiment.manipulate_job(first_run(experiment, dataset, manipulation)))["settings"]


def pairs(experiment):
    return list(dict.fromkeys((o.dataset, o.manipulation) for o in experiment.originals()))


# The files


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("paper-cifar10", [("cifar10", "poison"), ("cifar10", "interclass")]),
        ("paper-cifar100", [("cifar100", "poison"), ("cifar100", "interclass")]),
        ("paper-pcam", [("pcam", "poison")]),
        ("paper", [pair for pair in PERCENT if pair[0] != "pcam"]),
    ],
)
def test_a_config_has_the_datasets_and_manipulations_of_the_protocol(name, expected):
    assert pairs(Experiment(merged(name))) == expected


@pytest.mark.parametrize("name", PAPER)
def test_models_and_recipes_are_the_protocols(name):
    experiment = Experiment(merged(name))
    for dataset, manipulation in pairs(experiment):
        found = trained_by(experiment, dataset, manipulation)
        assert found["model"] == MODELS[dataset]
        assert found["recipe"] == {"steps": STEPS[dataset], **RECIPE}


@pytest.mark.parametrize("name", PAPER)
def test_manipulations_are_the_protocols(name):
    experiment = Experiment(merged(name))
    for dataset, manipulation in pairs(experiment):
        n = [o.n for o in experiment.originals() if (o.dataset, o.manipulation) == (dataset, manipulation)]
        percent = PERCENT[dataset, manipulation]
        assert n == [round(share * TRAINING_SAMPLES[dataset] / 100) for share in percent]
        found = manipulated_by(experiment, dataset, manipulation)
        assert found == (POISON if manipulation == "poison" else {"classes": CONFUSED[dataset]})


@pytest.mark.parametrize(
    ("name", "dataset", "loader", "classes"),
    [
        ("paper-cifar10", "cifar10", cifar10, ["cat", "dog"]),
        ("paper-cifar100", "cifar100", cifar100, ["maple_tree", "oak_tree"]),
    ],
)
def test_confused_classes_are_given_by_name(name, dataset, loader, classes):
    given = merged(name)["datasets"][dataset]["manipulations"]["interclass"]["classes"]
    assert given == classes
    assert [loader.CLASSES[number] for number in CONFUSED[dataset]] == classes


@pytest.mark.parametrize("name", PAPER)
def test_grids_fractions_and_weights_are_the_protocols(name):
    experiment = Experiment(merged(name))
    assert experiment.methods == list(CANDIDATES)
    for method, expected in CANDIDATES.items():
        assert candidates(experiment, method) == expected
    assert sum(len(experiment.candidates(method)) for method in experiment.methods) == 61
    assert [float(share) for share in experiment.shares] == [i / 10 for i in range(1, 11)]
    weights = told(experiment.selection_job(next(experiment.originals())))["weights"]
    assert weights == {"validation_accuracy": 0.5, "deletion_change": 0.5}
    assert (experiment.makers, experiment.discoveries, experiment.expansions) == (
        ["standard"],
        ["uniform"],
        [],
    )


@pytest.mark.parametrize("name", PAPER)
def test_data_and_seeds_are_the_protocols(name):
    experiment = Experiment(merged(name))
    assert {o.seed for o in experiment.originals()} == {0}
    for dataset, _ in pairs(experiment):
        assert told(experiment.prepare_job(dataset)) == {
            "dataset": dataset,
            "source": dataset,
            "settings": {},
            "validation-size": 0.2,
        }
    assert not experiment.save_models


def test_the_whole_grid_is_the_two_cifars_together():
    both = merged("paper-cifar10")
    for key, block in merged("paper-cifar100").items():
        if key == "datasets":
            both[key] |= block
        elif key == "resources":
            both[key] = block  # what the larger network takes
        else:
            assert both[key] == block
    whole = merged("paper")
    assert whole == both
    assert list(whole["datasets"]) == ["cifar10", "cifar100"]
    assert whole == merged("paper-cifar10", "paper-cifar100")


def test_all_four_compare_the_same_methods_in_the_same_way():
    first, *others = (merged(name) for name in PAPER)
    for other in others:
        for key in ("methods", "seeds", "deletion_fractions"):
            assert other[key] == first[key]
        assert list(other["methods"]) == list(first["methods"])


def test_figures_are_the_papers_six_and_three_for_pcam():
    def numbers(name):
        return [figure.split("_")[0].removeprefix("figure") for figure in Experiment(merged(name)).figures()]

    assert [numbers(name) for name in PAPER] == [list("234567"), list("234567"), list("236"), list("234567")]


# What is laid over them


def differences(before, after, path=()):
    """Path to value of everything in `after` that is not so in `before`; nothing may be taken away."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return {} if before == after else {"/".join(path): after}
    assert before.keys() <= after.keys()
    found = {}
    for key, value in after.items():
        found |= differences(before.get(key), value, (*path, key))
    return found


AS_RELEASED = {"methods/badt/grid/kl_reduction": "mean", "methods/scrub/grid/ascent_steps": 100}


@pytest.mark.parametrize("name", PAPER)
def test_as_released_changes_two_hyperparameters(name):
    config = merged(name, "as_released")
    assert differences(merged(name), config) == AS_RELEASED
    experiment = Experiment(config)
    assert candidates(experiment, "badt") == [{"steps": 1000, "kl_reduction": "mean"}]
    assert candidates(experiment, "scrub") == [
        {"alpha": alpha, **SCRUB, "ascent_steps": 100} for alpha in SCRUB_ALPHAS
    ]
    for method in ("eu", "cf", "ssd"):
        assert candidates(experiment, method) == CANDIDATES[method]


def test_as_released_for_cifar100_changes_a_class_and_the_steps_too():
    config = merged("paper-cifar100", "as_released", "as_released-cifar100")
    assert differences(merged("paper-cifar100"), config) == {
        **AS_RELEASED,
        "datasets/cifar100/manipulations/interclass/classes": ["maple_tree", "orange"],
        "methods/cf/grid/steps": 1500,
        "methods/badt/grid/steps": 1500,
        "methods/scrub/grid/steps": 1500,
    }
    experiment = Experiment(config)
    assert manipulated_by(experiment, "cifar100", "interclass") == {"classes": [47, 53]}
    assert candidates(experiment, "cf") == [{"steps": 1500, "k": None}]
    assert candidates(experiment, "badt") == [{"steps": 1500, "kl_reduction": "mean"}]
    assert {(c["steps"], c["ascent_steps"]) for c in candidates(experiment, "scrub")} == {(1500, 100)}
    assert candidates(experiment, "eu") == [{"k": None}]
    assert trained_by(experiment, "cifar100", "interclass")["recipe"]["steps"] == 6000


def photographs(folder):
    """CIFAR-10's folders of JPEG files, with as few images as `n` of 10 and classes of 5 allow."""
    for part, count in (("train", 6), ("test", 5)):
        for name in cifar10.CLASSES:
            (folder / part / name).mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (32, 32)).save(folder / part / name / f"{i}.jpg")


def few_samples(config):
    """The config with as many manipulated samples as there are images for."""
    config = copy.deepcopy(config)
    for block in config["datasets"]["cifar10"]["manipulations"].values():
        block["n"] = [10]
    return config


def test_jpeg_files_replace_the_download_and_nothing_else(tmp_path, monkeypatch):
    config = merged("paper-cifar10", "cifar10-jpeg")
    source = {"name": "folder", "path": "data/cifar10-jpeg", "image_size": 32}
    assert differences(merged("paper-cifar10"), config) == {"datasets/cifar10/source": source}

    photographs(tmp_path / "data/cifar10-jpeg")
    monkeypatch.chdir(tmp_path)
    experiment = Experiment(few_samples(config))
    downloaded = Experiment(few_samples(merged("paper-cifar10")))
    prepared = told(experiment.prepare_job("cifar10"))
    assert prepared["source"] == "folder"
    assert prepared["settings"] == {"path": "data/cifar10-jpeg", "image_size": 32}
    for manipulation in ("poison", "interclass"):
        for said in (trained_by, manipulated_by):
            assert said(experiment, "cifar10", manipulation) == said(downloaded, "cifar10", manipulation)
    with pytest.raises(ConfigError, match=r"poison\.n: 100 is more than the 60 training samples"):
        Experiment(config)


def test_without_the_jpeg_files_the_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^datasets.cifar10.source: .*data/cifar10-jpeg/train"):
        Experiment(merged("paper-cifar10", "cifar10-jpeg"))


# What Snakemake plans


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project.copy(tmp_path_factory.mktemp("paper") / "project")


ONE_PER_JOB = "methods={ssd: {candidates_per_job: 1}, scrub: {candidates_per_job: 1}}"


def files(*names):
    return ["--configfile", *(f"config/{name}.yaml" for name in names)]


def unlearning(planned):
    return {rule: count for rule, count in planned.items() if rule.startswith("unlearn_")}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "originals", "unlearned"), [("paper-pcam", 3, 1_830), ("paper", 12, 7_320)])
def test_the_papers_numbers_of_models_are_planned(project, name, originals, unlearned):
    planned = project.planned(*files(name), "--config", ONE_PER_JOB)
    for rule in ("manipulate", "train", "selection", "measure"):
        assert planned[rule] == originals
    assert sum(unlearning(planned).values()) == unlearned
    assert unlearning(planned) == {
        f"unlearn_{method}": originals * 10 * len(CANDIDATES[method]) for method in CANDIDATES
    }
    assert planned["discover"] == originals * 10
    assert planned["importance"] == originals * (1 + 10)


@pytest.mark.slow
def test_ssd_and_scrub_are_one_job_for_each_deletion_set(project):
    planned = project.planned(*files("paper-cifar10", "as_released"))
    assert unlearning(planned) == {f"unlearn_{method}": 6 * 10 for method in CANDIDATES}


@pytest.mark.slow
def test_laid_over_files_reach_the_jobs(project):
    original = "results/runs/cifar100/interclass/n500/seed0/standard"
    candidate = "unlearn/badt/uniform/1.0/kl_reduction=mean,steps=1500.safetensors"
    done = project.snakemake(
        f"{original}/{candidate}",
        "--dry-run",
        "--printshellcmds",
        *files("paper-cifar100", "as_released", "as_released-cifar100"),
    )
    commands = done.stdout + done.stderr
    assert '"classes": [47, 53]' in commands
    assert '"kl_reduction": "mean"' in commands
    assert '"steps": 1500' in commands


@pytest.mark.slow
def test_cifar10_from_jpeg_files_is_planned(project):
    photographs(project.folder / "data/cifar10-jpeg")
    few = "datasets={cifar10: {manipulations: {poison: {n: [10]}, interclass: {n: [10]}}}}"
    planned = project.planned(*files("paper-cifar10", "cifar10-jpeg"), "--config", few)
    assert (planned["prepare"], planned["train"]) == (1, 2)
    assert sum(unlearning(planned).values()) == 2 * 10 * 5
