"""Every config that cannot be run ends in one line that names the key and what is allowed."""

import copy
import os
import subprocess
import sys
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from PIL import Image
from project import Project

from redress.formats.errors import BadInputError
from redress.formats.identity import Identity
from redress.formats.recipe import Recipe
from redress.plan import config_file
from redress.plan import experiment as experiment_module
from redress.plan.checks import ConfigError, StrictLoader, holds_itself
from redress.plan.experiment import Experiment

ROOT = Path(__file__).parents[1]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
KEYS = sorted(SCHEMA["properties"])
MISSING = object()

DIGITS = "datasets/digits"
RECIPE = f"{DIGITS}/recipe"
POISON = f"{DIGITS}/manipulations/poison"
INTERCLASS = f"{DIGITS}/manipulations/interclass"
ALPHA = "methods/ssd/grid/alpha"


def changed(*changes):
    """The default config with each (path, value) set; MISSING takes the key out."""
    config = copy.deepcopy(CONFIG)
    for path, value in zip(changes[::2], changes[1::2], strict=True):
        *above, last = path.split("/") if isinstance(path, str) else path
        block = config
        for key in above:
            block = block.setdefault(key, {})
        if value is MISSING:
            del block[last]
        else:
            block[last] = value
    return config


def message_for(config):
    with pytest.raises(ConfigError) as caught:
        Experiment(config)
    return str(caught.value)


def assert_refused(path, value, key, *words):
    message = message_for(changed(path, value))
    assert "\n" not in message
    name, problem = message.split(": ", 1)
    assert name == key
    for word in words:
        assert word in problem, message


# The path that is set, the value, the key that the message names, and words it contains.
DRAWS = [
    # The digits hold 122 training images of a 3 and 116 of an 8.
    (f"{INTERCLASS}/n", [1000], "datasets.digits.manipulations.interclass.n", "1000", "116", "at most 232"),
    (f"{INTERCLASS}/n", [234], "datasets.digits.manipulations.interclass.n", "117", "at most 232"),
    (f"{POISON}/n", [1201], "datasets.digits.manipulations.poison.n", "1201", "1200 training samples"),
    (f"{INTERCLASS}/n", [121], "datasets.digits.manipulations.interclass.n", "121", "even"),
    (f"{INTERCLASS}/n", [0], "datasets.digits.manipulations.interclass.n[0]", "at least 1"),
    (f"{POISON}/n", [60, 0], "datasets.digits.manipulations.poison.n[1]", "at least 1"),
    (f"{POISON}/n", [-60], "datasets.digits.manipulations.poison.n[0]", "at least 1"),
    (f"{POISON}/n", MISSING, "datasets.digits.manipulations.poison.n", "missing"),
    (f"{POISON}/n", [], "datasets.digits.manipulations.poison.n", "empty", "at least one"),
    (f"{POISON}/n", 60, "datasets.digits.manipulations.poison.n", "60", "a list"),
    (f"{POISON}/n", [60, 60], "datasets.digits.manipulations.poison.n", "60", "given twice"),
    (f"{POISON}/n", [1.5], "datasets.digits.manipulations.poison.n[0]", "1.5", "an integer"),
    (f"{POISON}/n", ["60"], "datasets.digits.manipulations.poison.n[0]", "'60'", "60 without quotes"),
    (f"{INTERCLASS}/classes", [3, 3], "datasets.digits.manipulations.interclass.classes", "different"),
    (f"{INTERCLASS}/classes", ["8", "8"], "datasets.digits.manipulations.interclass.classes", "different"),
    (f"{INTERCLASS}/classes", [3, 10], "datasets.digits.manipulations.interclass.classes", "0 to 9"),
    (f"{INTERCLASS}/classes", [-1, 3], "datasets.digits.manipulations.interclass.classes", "0 to 9"),
    (
        f"{INTERCLASS}/classes",
        ["3", "nine"],
        "datasets.digits.manipulations.interclass.classes",
        "'nine'",
        "0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
    ),
    (f"{INTERCLASS}/classes", [3], "datasets.digits.manipulations.interclass.classes", "two"),
    (f"{INTERCLASS}/classes", [3, 8, 9], "datasets.digits.manipulations.interclass.classes", "two"),
    (f"{INTERCLASS}/classes", "38", "datasets.digits.manipulations.interclass.classes", "list of two"),
    (f"{INTERCLASS}/classes", [True, 8], "datasets.digits.manipulations.interclass.classes", "integers"),
    (f"{INTERCLASS}/classes", MISSING, "datasets.digits.manipulations.interclass.classes", "missing"),
    (f"{POISON}/target_class", 10, "datasets.digits.manipulations.poison.target_class", "10", "0 to 9"),
    (f"{POISON}/target_class", -1, "datasets.digits.manipulations.poison.target_class", "0 to 9"),
    (f"{POISON}/target_class", "x", "datasets.digits.manipulations.poison.target_class", "no class 'x'"),
    (f"{POISON}/patch_size", 17, "datasets.digits.manipulations.poison.patch_size", "1 to 16"),
    (f"{POISON}/patch_size", 0, "datasets.digits.manipulations.poison.patch_size", "1 to 16"),
    (
        f"{POISON}/trigger_stage",
        "late",
        "datasets.digits.manipulations.poison.trigger_stage",
        "'late'",
        "model or stored",
    ),
]

MANIPULATIONS = f"{DIGITS}/manipulations"
ATTACKS = [
    # The digits hold 119 training images of a 0, and 1,200 in all, of 16x16 pixels.
    (
        f"{MANIPULATIONS}/{name}",
        {"n": [60], **given},
        f"datasets.digits.manipulations.{name}.{key}",
        *words,
    )
    for name, given, key, *words in [
        ("poison", {"triggers": 3}, "triggers", "1 or 2 or 4"),
        ("poison", {"triggers": 2, "position": "random"}, "triggers", "2", "a random position allows 1"),
        ("poison", {"triggers": 2, "patch_size": 9}, "patch_size", "9 pixels overlap", "1 to 8"),
        ("poison", {"position": "left"}, "position", "corner or random"),
        ("random_labels", {"n": [1201]}, "n", "1200 training samples"),
        ("random_labels", {"mapping": [[0, 10]]}, "mapping", "[0, 10]", "0 to 9"),
        ("random_labels", {"mapping": [["0", "ten"]]}, "mapping", "no class 'ten'"),
        ("random_labels", {"mapping": [[3, 3]]}, "mapping", "[3, 3]", "different"),
        ("random_labels", {"mapping": [[3, 5], [3, 8]]}, "mapping", "class 3", "twice"),
        ("random_labels", {"mapping": [3, 5]}, "mapping", "lists of two integers"),
        ("random_labels", {"mapping": [[3, 5, 8]]}, "mapping", "lists of two integers"),
        ("random_labels", {"n": [120], "mapping": [[0, 6]]}, "n", "120", "119"),
        ("blended", {"alpha": 0}, "alpha", "above 0, at most 1"),
        ("blended", {"alpha": 1.01}, "alpha", "above 0, at most 1"),
        ("blended", {"target_class": 10}, "target_class", "0 to 9"),
        ("blended", {"pattern_seed": -1}, "pattern_seed", "at least 0"),
        ("blended", {"n": [1201]}, "n", "1200"),
        ("sig", {"n": [120]}, "n", "120", "at most 119"),
        ("sig", {"target_class": 10}, "target_class", "0 to 9"),
        ("sig", {"target_class": -1}, "target_class", "0 to 9"),
        ("sig", {"delta": 256}, "delta", "at most 255"),
        ("sig", {"frequency": 8}, "frequency", "below half the width, 8"),
        ("wanet", {"grid_size": 1}, "grid_size", "2 to 16"),
        ("wanet", {"grid_size": 17}, "grid_size", "2 to 16"),
        ("wanet", {"strength": 0}, "strength", "above 0"),
        ("wanet", {"noise_rate": -0.1}, "noise_rate", "at least 0"),
        ("wanet", {"grid_seed": -1}, "grid_seed", "at least 0"),
        ("wanet", {"n": [60, 500], "noise_rate": 2}, "noise_rate", "1000 samples beside the 500"),
        ("wanet", {"target_class": "x"}, "target_class", "no class 'x'"),
    ]
]

FINDERS = [
    (f"discoveries/{name}", settings, f"discoveries.{name}.{key}", *words)
    for name, settings, key, *words in [
        # The config asks for five shares of 60 and 120 samples.
        ("uniform", {"count": 1}, "count", "the same samples at each share", "deletion_fractions"),
        ("uniform", {"count": 61}, "count", "61 is more than the 60"),
        ("uniform", {"count": 0}, "count", "an integer above 0"),
        ("one_class", {"true_class": 10}, "true_class", "0 to 9"),
        ("one_class", {"true_class": "ten"}, "true_class", "no class 'ten'", "0, 1, 2"),
        ("one_class", {"true_class": 1.5}, "true_class", "an integer"),
        ("one_trigger", {"mark": -1}, "mark", "at least 0"),
        ("one_trigger", {"mark": 1}, "mark", "no sample of S_m carries mark 1; the highest is 0"),
        ("one_class", {"true_class": 5}, "true_class", "no sample of class 5; allowed: [3, 8]"),
        ("by_margin", {"first": "best"}, "first", "hardest or easiest"),
        ("by_margin", {"margins": 1}, "margins", "unknown key"),
        ("false_positives", {"rate": 1}, "rate", "less than 1"),
        ("false_positives", {"rate": -0.1}, "rate", "at least 0"),
        ("false_positives", {"rate": 0.95}, "rate", "0.95 of the 6 that are 0.1 of 60", "none of S_m"),
    ]
]

DELETION = [
    ("deletion_fractions", [0], "deletion_fractions[0]", "more than 0"),
    ("deletion_fractions", [0.5, 1.1], "deletion_fractions[1]", "1.1", "at most 1"),
    ("deletion_fractions", [-0.1], "deletion_fractions[0]", "more than 0"),
    ("deletion_fractions", [0.5, 0.5], "deletion_fractions", "0.5", "given twice"),
    ("deletion_fractions", [1, 1.0], "deletion_fractions", "1", "given twice"),
    ("deletion_fractions", [], "deletion_fractions", "empty", "at least one"),
    ("deletion_fractions", 0.5, "deletion_fractions", "a list"),
    ("deletion_fractions", ["0.5"], "deletion_fractions[0]", "0.5 without quotes"),
    ("deletion_fractions", MISSING, "deletion_fractions", "missing"),
    # round(0.008 * 60) = round(0.48) = 0, and 0.5 / 60 = 0.0083.
    ("deletion_fractions", [0.008], "deletion_fractions", "60", "0 samples", "at least 0.0083"),
    (f"{POISON}/n", [1200], "deletion_fractions", "1 of the 1200", "all 1200 training samples"),
    ("deletion_fractions", [float("nan")], "deletion_fractions[0]", "nan"),
]

PLUGINS = [
    (f"{DIGITS}/source", {"name": "digit"}, "datasets.digits.source.name", "did you mean 'digits'", "folder"),
    (f"{DIGITS}/source", {"name": "xyz"}, "datasets.digits.source.name", "allowed", "digits, folder"),
    (f"{DIGITS}/source", {}, "datasets.digits.source.name", "missing"),
    (f"{DIGITS}/source", {"name": "folder"}, "datasets.digits.source.path", "missing", "text"),
    (f"{DIGITS}/source/name", "../digits", "datasets.digits.source.name", "'../digits'", "letters"),
    (f"{DIGITS}/manipulations/poisn", {"n": [60]}, "datasets.digits.manipulations.poisn", "'poison'?"),
    (f"{DIGITS}/manipulations", {}, "datasets.digits.manipulations", "empty"),
    (f"{DIGITS}/model/name", "resnet", "datasets.digits.model.name", "did you mean 'resnet9'", "allowed"),
    (f"{DIGITS}/model/name", "../resnet9", "datasets.digits.model.name", "letters"),
    ("methods/scrb", {}, "methods.scrb", "did you mean 'scrub'", "allowed: ascent, badt, cf,"),
    ("methods/mine", {"use": "scrb"}, "methods.mine.use", "did you mean 'scrub'"),
    ("methods/original", {"use": "eu"}, "methods.original", "M_o in tables"),
    ("methods/eu/maker", "given", "methods.eu.maker", "originals has no block 'given'", "standard"),
    ("methods/eu/discovery", ["unifrm"], "methods.eu.discovery", "did you mean 'uniform'"),
    ("methods/eu/expansion", "grown", "methods.eu.expansion", "expansions has no block 'grown'", "none"),
    ("originals", {"standrd": {}}, "originals.standrd", "did you mean 'standard'"),
    ("methods/rem", {}, "methods.rem.maker", "made by etd"),
    ("methods/eu/grid", {"k": [2, 10]}, "methods.eu.grid.k", "10 is out of range: 1 to 9", "resnet9"),
    ("discoveries", {"mine": {"use": "x"}}, "discoveries.mine.use", "there is no discoveries/x.py"),
    ("discoveries", {"uniform": {"rate": 1}}, "discoveries.uniform.rate", "unknown key"),
    ("expansions", {"none": {}}, "expansions.none"),
    ("methods", {}, "methods", "empty", "at least one"),
    ("datasets", {}, "datasets", "empty", "at least one"),
    ("methods", MISSING, "methods", "missing"),
    ("datasets", MISSING, "datasets", "missing"),
]

GRIDS = [
    (ALPHA, [], "methods.ssd.grid.alpha", "empty", "at least one"),
    ("methods/ssd/grid", [], "methods.ssd.grid", "empty", "at least one"),
    ("methods/ssd/grid", 3, "methods.ssd.grid", "3", "a block"),
    ("methods/ssd/grid", [{"alpha": 1}, {"alpha": 1.0}], "methods.ssd.grid", "alpha=1", "given twice"),
    ("methods/ssd/grid", [{"alpha": [2, 1]}, {"alpha": 1}], "methods.ssd.grid", "alpha=1", "given twice"),
    (ALPHA, [1, 1], "methods.ssd.grid", "alpha=1", "given twice"),
    (ALPHA, [1, 1.0], "methods.ssd.grid", "alpha=1", "given twice"),
    ("methods/ssd/grid/alpah", [1], "methods.ssd.grid.alpah", "did you mean 'alpha'", "gamma_over_alpha"),
    ("methods/eu/grid", {"steps": 1}, "methods.eu.grid.steps", "unknown key", "allowed: k"),
    ("methods/ssd/grid", {"gamma_over_alpha": [1]}, "methods.ssd.grid.alpha", "missing", "a number"),
    ("methods/ssd", {}, "methods.ssd.grid.alpha", "missing", "a number"),
    (ALPHA, ["abc"], "methods.ssd.grid.alpha", "'abc'", "a number"),
    (ALPHA, ["1e6"], "methods.ssd.grid.alpha", "'1e6'", "1000000 without quotes"),
    (ALPHA, True, "methods.ssd.grid.alpha", "True", "a number"),
    (ALPHA, [None], "methods.ssd.grid.alpha[0]", "None", "a number"),
    (ALPHA, [[1]], "methods.ssd.grid.alpha[0]", "[1]", "a number"),
    ("methods/ssd/grid/importance", "sample", "methods.ssd.grid.importance", "batch or per_sample"),
    ("methods/ssd/grid/importance", "../x", "methods.ssd.grid.importance", "letters"),
    ("methods/badt/grid/kl_reduction", "sum", "methods.badt.grid.kl_reduction", "batchmean or mean"),
    ("methods/cf/grid/steps", 1.5, "methods.cf.grid.steps", "1.5", "an integer"),
    ("methods/cf/grid/steps", "50", "methods.cf.grid.steps", "50 without quotes"),
    ("methods/ssd/candidates_per_job", 0, "methods.ssd.candidates_per_job", "at least 1"),
    ("methods/ssd/candidates_per_job", 2.5, "methods.ssd.candidates_per_job", "an integer"),
]

TOP = [
    ("sedes", [1], "sedes", "did you mean 'seeds'", "deletion_fractions"),
    ("seeds", [1.5], "seeds[0]", "1.5", "an integer"),
    ("seeds", [1.0], "seeds[0]", "an integer"),
    ("seeds", ["0"], "seeds[0]", "0 without quotes"),
    ("seeds", ["a"], "seeds[0]", "'a'", "an integer"),
    ("seeds", [True], "seeds[0]", "True", "an integer"),
    ("seeds", [0, -1], "seeds[1]", "-1", "at least 0"),
    ("seeds", [0, 0], "seeds", "0", "given twice"),
    ("seeds", [], "seeds", "empty", "at least one"),
    ("seeds", 0, "seeds", "a list"),
    ("seeds", MISSING, "seeds", "missing"),
    ("selection", {"validation_accuracy": -1}, "selection.validation_accuracy", "-1", "at least 0"),
    (
        "selection",
        {"validation_accuracy": 0, "deletion_change": 0},
        "selection",
        "every weight",
        "at least one",
    ),
    ("selection", {"deletion_chang": 1}, "selection.deletion_chang", "did you mean 'deletion_change'"),
    ("selection", {}, "selection", "empty"),
    ("device", "gpu", "device", "'gpu'", "auto or cpu or cuda"),
    ("threads", 0, "threads", "at least 1"),
    ("resources", {"evaluate": {"runtime": 5}}, "resources.evaluate", "no such stage any more", "`train`"),
    ("measures", ["speed"], "measures", "there is no measures/speed.py", "developer, referee"),
    ("measures", ["referee"], "measures", "removal_test", "another file already does"),
    ("bounds", ["without_manipulatd"], "bounds", "did you mean 'without_manipulated'", "never_manipulated"),
    ("bounds", ["never_manipulated"] * 2, "bounds", "'never_manipulated' is given twice"),
    ("selection_rule", "constrain", "selection_rule", "did you mean 'constraint'", "validation_accuracy"),
    ("selection_rule", "healed_known", "selection_rule", "'healed_known' needs the true labels of S_f"),
    ("selection_rule", ["constraint"], "selection_rule", "is not text"),
    ("save_models", "all", "save_models", "none or selected"),
]

BLOCKS = [
    (path, value, path.replace("/", "."), "a block")
    for path in ("methods", "datasets", "selection", "methods/ssd", DIGITS, RECIPE, f"{DIGITS}/model", POISON)
    for value in (None, [1], "text")
]

RECIPES = [
    (f"{RECIPE}/steps", MISSING, "datasets.digits.recipe.steps", "missing"),
    (f"{RECIPE}/steps", 0, "datasets.digits.recipe.steps", "at least 1"),
    (f"{RECIPE}/steps", 200.5, "datasets.digits.recipe.steps", "an integer"),
    (f"{RECIPE}/steps", "200", "datasets.digits.recipe.steps", "'200'", "200 without quotes"),
    (f"{RECIPE}/step", 200, "datasets.digits.recipe.step", "did you mean 'steps'"),
    (f"{RECIPE}/learning_rate", "1e6", "datasets.digits.recipe.learning_rate", "1000000 without quotes"),
    (f"{RECIPE}/learning_rate", "2.5e-2", "datasets.digits.recipe.learning_rate", "0.025 without quotes"),
    (f"{RECIPE}/learning_rate", 0, "datasets.digits.recipe.learning_rate", "more than 0"),
    (f"{RECIPE}/momentum", 1, "datasets.digits.recipe.momentum", "less than 1"),
    (f"{RECIPE}/flip", "no", "datasets.digits.recipe.flip", "true or false"),
    (f"{RECIPE}/precision", "float16", "datasets.digits.recipe.precision", "auto or float32 or bfloat16"),
    (f"{RECIPE}/crop_padding", -1, "datasets.digits.recipe.crop_padding", "at least 0"),
    (f"{DIGITS}/recipee", {}, "datasets.digits.recipee", "did you mean 'recipe'"),
    (f"{DIGITS}/model/widht", 8, "datasets.digits.model.widht", "did you mean 'width'"),
    (f"{DIGITS}/model/width", "8", "datasets.digits.model.width", "8 without quotes"),
    (f"{DIGITS}/label", "", "datasets.digits.label", "empty"),
    (f"{DIGITS}/validation_size", 1.5, "datasets.digits.validation_size", "1.5", "below 1", "integer"),
    (f"{DIGITS}/validation_size", 0, "datasets.digits.validation_size", "more than 0"),
    (f"{POISON}/patchsize", 2, "datasets.digits.manipulations.poison.patchsize", "'patch_size'?"),
    ("methods/eu/styl", {}, "methods.eu.styl", "did you mean 'style'"),
    ("methods/eu/style/colour", "red", "methods.eu.style.colour", "did you mean 'color'"),
]

REFUSED = [*DRAWS, *ATTACKS, *FINDERS, *DELETION, *PLUGINS, *GRIDS, *TOP, *BLOCKS, *RECIPES]


def _case_name(case):
    value = "missing" if case[1] is MISSING else case[1]
    return f"{case[0]}={value}"


@pytest.mark.parametrize("case", REFUSED, ids=map(_case_name, REFUSED))
def test_a_config_that_cannot_be_run_is_refused_in_one_line(case):
    assert_refused(*case)


@pytest.mark.parametrize(
    "name", ["a/b", "..", "../../etc", "/tmp/x", "", ".hidden", "a b", "-rf", "a\nb", "a\n"]
)
@pytest.mark.parametrize("block", ["methods", "datasets", f"{DIGITS}/manipulations"])
def test_no_name_leads_out_of_results(block, name):
    content = CONFIG["datasets"]["digits"] if block == "datasets" else {"n": [60]}
    message = message_for(changed([*block.split("/"), name], content))
    assert "\n" not in message
    assert message.startswith(block.replace("/", "."))
    assert "letters, digits" in message


def test_cuda_needs_a_gpu_here_but_not_where_jobs_run_elsewhere(monkeypatch):
    experiment = Experiment(changed("device", "cuda"))
    monkeypatch.setattr(experiment_module, "has_gpu", lambda: False)
    with pytest.raises(ConfigError, match=r"^device: 'cuda', .* auto or cpu$"):
        experiment.check_machine()
    assert experiment.gpus(local=False) == 1
    monkeypatch.setattr(experiment_module, "has_gpu", lambda: True)
    experiment.check_machine()
    assert experiment.gpus(local=True) == 1


@pytest.mark.parametrize(("device", "taken"), [("auto", 1), ("cuda", 1), ("cpu", 0)])
def test_a_clusters_job_takes_a_gpu_whatever_the_submitting_machine_has(monkeypatch, device, taken):
    monkeypatch.setattr(experiment_module, "has_gpu", lambda: False)
    assert Experiment(changed("device", device)).gpus(local=False) == taken


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("seeds", [10**30], "seeds[0]: "),
        ("threads", 2**31, "threads: "),
        ("time_limit", 0, "time_limit: "),
        ("time_limit", "long", "time_limit: 'long' is not a number or null"),
        ("methods/cf/style/label", "EU", "methods.eu.style.label: 'EU' is given twice"),
        ("methods/cf/grid/steps", 10**205, "methods.cf.grid: the name of steps=1000"),
    ],
)
def test_what_would_fail_or_mislead_later_is_refused(path, value, words):
    message = message_for(changed(path, value))
    assert message.startswith(words)
    assert "\n" not in message


def test_a_class_with_one_test_image_is_refused(tmp_path):
    for place, count in (("train/a", 4), ("train/b", 4), ("test/a", 1), ("test/b", 5)):
        (tmp_path / place).mkdir(parents=True)
        for number in range(count):
            Image.new("L", (20, 20)).save(tmp_path / place / f"{number}.png")
    source = {"name": "folder", "path": str(tmp_path), "color": "grey"}
    message = message_for(changed(f"{DIGITS}/source", source, f"{DIGITS}/validation_size", 0.5))
    assert message.startswith("datasets.digits.source: class a has fewer than 2 test images")


def test_folders_called_by_numbers_are_meant_by_their_names(tmp_path):
    for part in ("train", "test"):
        for name in range(1, 12):
            (tmp_path / part / str(name)).mkdir(parents=True)
            for number in range(4):
                Image.new("L", (20, 20)).save(tmp_path / part / str(name) / f"{number}.png")
    source = {"name": "folder", "path": str(tmp_path), "color": "grey"}
    mine = [f"{DIGITS}/source", source, f"{DIGITS}/validation_size", 0.5, f"{POISON}/n", [4]]
    mine += [f"{INTERCLASS}/n", [4], "deletion_fractions", [0.5]]
    by_name = Experiment(changed(*mine, f"{INTERCLASS}/classes", [2, 11], f"{POISON}/target_class", 11))
    told = {run.manipulation: by_name.manipulate_job(run) for run in by_name.runs()}
    assert '"classes": [1, 10]' in told["interclass"]
    assert '"target_class": 10' in told["poison"]
    message = message_for(changed(*mine, f"{POISON}/target_class", 11, f"{INTERCLASS}/classes", [0, 3]))
    assert message.endswith("classes: there is no class '0'; allowed: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11")


def test_blocks_of_yaml_may_be_merged_but_hold_neither_themselves_nor_lists_as_keys():
    merged = yaml.load("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}", Loader=StrictLoader)
    assert merged["b"] == {"x": 1, "y": 3}
    assert not holds_itself(merged)
    assert holds_itself(yaml.load("a: &a {b: [*a]}", Loader=StrictLoader))
    with pytest.raises(yaml.YAMLError, match="a list or a block cannot be a key"):
        yaml.load("{[1, 2]: 3}", Loader=StrictLoader)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a:\n\tb: 1\n", ", line 2: not valid YAML: a tab stands here: indent with spaces"),
        ("a:\n  b:1\n  c: 2\n", ", line 3: not valid YAML: a colon too many; is there no space after one"),
        ("a:\n  b: 1\n  c:2\n", ", line 4: not valid YAML: the line before has no colon with a space"),
        (
            "a:\n  b: {c: 1\n  d: 2\n",
            ", line 3: not valid YAML: expected ',' or '}', but got ':'; what opens",
        ),
        ("a: 'b\n", ", line 2: not valid YAML: found unexpected end of stream"),
        (
            "a: [1, 2\n",
            ", line 2: not valid YAML: expected ',' or ']', but got '<stream end>'; what opens in",
        ),
        ("", ": is empty"),
        ("# a: 1\n", ": is empty"),
        ("a", ": is not a block of keys"),
        ("a: &a {b: *a}", ": a block holds itself"),
    ],
)
def test_a_file_that_is_not_yaml_is_told_with_its_line_and_what_to_mend(text, told, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(BadInputError) as caught:
        config_file.read(file)
    assert str(caught.value).startswith(f"{file}{told}")
    assert "\n" not in str(caught.value)


def test_config_files_are_found_on_a_command_line_of_snakemake():
    words = ["correct", "--configfile", "a.yaml", "b.yaml", "--cores", "1", "--configfile=c.yaml", "--config"]
    assert [*config_file.named([*words, "x=y", "-n"])] == ["a.yaml", "b.yaml", "c.yaml"]


def test_resources_of_a_stage_are_filled_up_with_defaults():
    experiment = Experiment(changed("resources", {"train": {"runtime": 5}}))
    assert (experiment.resource("train", "runtime"), experiment.resource("train", "mem_mb")) == (5, 4000)
    assert experiment.resource("unlearn", "runtime") == 60
    assert message_for(changed("resources", {"trian": {}})).startswith("resources.trian: unknown key")
    wrong = message_for(changed("resources", {"train": {"runtime": 0}}))
    assert wrong.startswith("resources.train.runtime: 0")


@pytest.mark.parametrize(
    ("device", "there_is_one", "taken"),
    [("auto", True, 1), ("auto", False, 0), ("cpu", True, 0), ("cpu", False, 0)],
)
def test_a_job_takes_a_gpu_only_where_it_will_use_one(monkeypatch, device, there_is_one, taken):
    monkeypatch.setattr(experiment_module, "has_gpu", lambda: there_is_one)
    assert Experiment(changed("device", device)).gpus(local=True) == taken


@pytest.fixture
def image_folder(tmp_path):
    for part in ("train", "test"):
        for name in ("cat", "dog", "emu"):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(4):
                Image.new("RGB", (20, 20)).save(tmp_path / part / name / f"{i}.png")
    return tmp_path


def folder_config(path, image_size=16, **manipulations):
    dataset = {
        "source": {"name": "folder", "path": str(path), "image_size": image_size},
        "model": {"name": "resnet9", "width": 8},
        "recipe": {"steps": 10},
        "validation_size": 6,
        "manipulations": manipulations or {"poison": {"n": [4]}},
    }
    return changed("datasets", {"mine": dataset}, "deletion_fractions", [0.5, 1])


def test_the_message_lists_the_names_of_a_folders_classes(image_folder):
    message = message_for(folder_config(image_folder, interclass={"n": [4], "classes": ["cat", "dgo"]}))
    assert message.startswith("datasets.mine.manipulations.interclass.classes: ")
    assert "'dgo'" in message
    assert "cat, dog, emu" in message


def test_a_folders_counts_bound_n(image_folder):
    Experiment(folder_config(image_folder, poison={"n": [11]}))
    assert "12 training samples" in message_for(folder_config(image_folder, poison={"n": [13]}))
    Experiment(folder_config(image_folder, interclass={"n": [8], "classes": ["cat", "emu"]}))
    message = message_for(folder_config(image_folder, interclass={"n": [10], "classes": ["cat", "emu"]}))
    assert "at most 8" in message


def test_a_validation_set_leaves_every_class_on_both_sides(image_folder):
    config = folder_config(image_folder)
    for size, fits in [(2, False), (3, True), (9, True), (10, False), (0.2, False), (0.3, True)]:
        config["datasets"]["mine"]["validation_size"] = size
        if fits:
            Experiment(config)
        else:
            message = message_for(config)
            assert message.startswith("datasets.mine.validation_size: ")
            assert "3 to 9" in message


def test_another_image_is_another_fingerprint(image_folder):
    before = Experiment(folder_config(image_folder)).source_fingerprint("mine")
    assert Experiment(folder_config(image_folder)).source_fingerprint("mine") == before
    Image.new("RGB", (20, 20)).save(image_folder / "train/cat/new.png")
    assert Experiment(folder_config(image_folder)).source_fingerprint("mine") != before


def test_padding_as_large_as_the_image_is_refused(image_folder):
    config = folder_config(image_folder)
    config["datasets"]["mine"]["recipe"]["crop_padding"] = 16
    assert message_for(config).startswith("datasets.mine.recipe.crop_padding: 16")


def test_images_too_small_for_the_model_are_refused(image_folder):
    message = message_for(folder_config(image_folder, image_size=10))
    assert message.startswith("datasets.mine.model.name: ")
    assert "15 pixels or more, not 10" in message
    Experiment(folder_config(image_folder, image_size=15))


def test_a_folder_that_is_not_there_is_named(tmp_path):
    message = message_for(folder_config(tmp_path / "nowhere"))
    assert "\n" not in message
    assert message.startswith("datasets.mine.source: ")
    assert str(tmp_path / "nowhere/train") in message


# What a config means


def all_said(experiment):
    """All that the rules can ask of an experiment, but for what a job is told beside its parameters."""
    originals = list(experiment.originals())
    cells = [
        cell
        for original in originals
        for block in experiment.blocks(original.maker)
        for cell in block.cells(original)
    ]
    return {
        "originals": originals,
        "candidates": {
            method: (list(names), experiment.hyperparameters(method, list(names)))
            for method in experiment.methods
            for names in [experiment.candidates(method)]
        },
        "groups": list(experiment.groups()),
        "prepared": [experiment.prepare_job(dataset) for dataset in experiment.datasets],
        "manipulated": [experiment.manipulate_job(run) for run in experiment.runs()],
        "trained": [experiment.train_job(original) for original in originals],
        "found": [experiment.discover_job(cell) for cell in cells],
        "unlearned": [experiment.unlearn_job(cell) for cell in cells],
        "selected": [experiment.selection_job(original) for original in originals],
        "measured": [experiment.measure_job(original) for original in originals],
        "shown": (experiment.shown, experiment.collect_job("results/tables")),
        "run": (experiment.save_models, experiment.threads, experiment.gpus(local=True)),
    }


def test_the_default_config_has_38_candidates_for_each_deletion_set():
    experiment = Experiment(CONFIG)
    counts = {method: len(experiment.candidates(method)) for method in experiment.methods}
    assert counts == {"eu": 1, "cf": 1, "ssd": 30, "badt": 1, "scrub": 2, "npo": 2, "delete": 1}
    assert sum(counts.values()) == 38


def test_every_candidate_is_in_exactly_one_group_whatever_a_job_carries():
    for size in (1, 7, 50, 100):
        experiment = Experiment(changed("methods/ssd/candidates_per_job", size))
        groups = [group for group in experiment.groups() if group.method == "ssd"]
        assert [name for group in groups for name in group.candidates] == list(experiment.candidates("ssd"))
        assert len({group.rule for group in groups}) == len(groups)
        assert all(len(group.candidates) <= size for group in groups if not group.one_per_job)


def test_a_maker_needs_a_network_that_can_do_what_it_does():
    network = {"name": "wideresnet", "depth": 10}
    message = message_for(changed("originals", {"standard": {}, "etd": {}}, f"{DIGITS}/model", network))
    assert message == "originals.etd: needs a model with MEMORY, which wideresnet of digits has not"


def test_what_a_method_shares_with_its_maker_is_the_same_in_both():
    makers = {"standard": {}, "narrow": {"use": "etd", "fixed": 0.25}}
    message = message_for(changed("originals", makers, "methods/rem", {"maker": "narrow"}))
    assert message == "methods.rem.grid.fixed: is 0.5, and 0.25 in originals.narrow: the same in both"
    block = {"maker": "narrow", "grid": {"fixed": 0.25}}
    Experiment(changed("originals", makers, "methods/rem", block))


@pytest.mark.parametrize("fixed", [2, -0.5])
def test_a_fraction_is_from_0_to_1(fixed):
    message = message_for(changed("originals", {"standard": {}, "etd": {"fixed": fixed}}))
    assert message == f"originals.etd.fixed: {fixed} is not allowed: a number from 0 to 1"


def test_originals_are_all_combinations_in_the_order_of_the_config():
    experiment = Experiment(changed("seeds", [4, 2], f"{POISON}/n", [60, 30]))
    found = [(o.manipulation, o.n, o.seed) for o in experiment.originals()]
    assert found == [
        ("poison", 60, 4),
        ("poison", 60, 2),
        ("poison", 30, 4),
        ("poison", 30, 2),
        ("interclass", 120, 4),
        ("interclass", 120, 2),
    ]


def test_deletion_fractions_are_sorted_and_short():
    assert Experiment(changed("deletion_fractions", [1.0, 0.5, 0.1])).shares == ["0.1", "0.5", "1.0"]


def test_the_papers_six_figures_are_drawn_and_only_those_of_manipulations_in_use():
    names = [f"figure{i}" for i in range(2, 8)]
    assert [name.split("_")[0] for name in Experiment(CONFIG).figures()] == names
    poison_only = Experiment(changed(INTERCLASS, MISSING)).figures()
    assert [name.split("_")[0] for name in poison_only] == ["figure2", "figure3", "figure6"]


@pytest.mark.parametrize("names", [["3", "8"], [3, "8"]])
def test_classes_may_be_given_by_name(names):
    by_name = Experiment(changed(f"{INTERCLASS}/classes", names))
    assert all_said(by_name) == all_said(Experiment(CONFIG))


def test_a_class_name_is_its_number_in_the_datasets_order(image_folder):
    experiment = Experiment(folder_config(image_folder, interclass={"n": [4], "classes": ["emu", "cat"]}))
    assert '"classes": [2, 0]' in experiment.manipulate_job(next(experiment.runs()))


@pytest.mark.parametrize("names", [[["3", "8"], ["8", "0"]], [[3, 8], [8, "0"]]])
def test_classes_of_pairs_may_be_given_by_name(names):
    experiment = Experiment(changed(MANIPULATIONS, {"random_labels": {"n": [20], "mapping": names}}))
    assert '"mapping": [[3, 8], [8, 0]]' in experiment.manipulate_job(next(experiment.runs()))


def test_a_discovery_may_name_a_class_which_each_dataset_numbers_its_own_way(image_folder):
    config = folder_config(image_folder)
    config["discoveries"] = {"emus": {"use": "one_class", "true_class": "emu"}, "one_class": {}}
    told = [
        Experiment(config).discover_job(Identity("mine", "poison", 4, 0, "standard", name, "0.5"))
        for name in ("emus", "one_class")
    ]
    assert ['"true_class": 2' in said for said in told] == [True, False]
    assert '"true_class": null' in told[1]


def test_a_count_needs_one_share_and_may_be_all_of_s_m():
    Experiment(changed("discoveries/uniform", {"count": 60}, "deletion_fractions", [0.1]))
    clean = changed(
        "discoveries/uniform", {"count": 1200}, f"{POISON}/n", [1200], "deletion_fractions", [0.1]
    )
    del clean["datasets"]["digits"]["manipulations"]["interclass"]
    assert message_for(clean).startswith("discoveries.uniform.count: 1200 are all training samples")


def test_false_positives_need_clean_samples():
    config = changed(
        "discoveries",
        {"false_positives": {"rate": 0.5}},
        "deletion_fractions",
        [0.5],
        MANIPULATIONS,
        {"poison": {"n": [1000]}},
    )
    message = message_for(config)
    assert message == "discoveries.false_positives.rate: 0.5 of 500 samples are 250, but only 200 are clean"


def test_the_order_of_keys_changes_nothing():
    def backwards(block):
        if not isinstance(block, dict):
            return block
        return {key: backwards(block[key]) for key in reversed(block)}

    recipe = backwards(CONFIG["datasets"]["digits"])
    recipe["manipulations"] = {
        name: recipe["manipulations"][name] for name in CONFIG["datasets"]["digits"]["manipulations"]
    }
    turned = Experiment(
        changed(DIGITS, recipe, "selection", {"deletion_change": 0.5, "validation_accuracy": 0.5})
    )
    assert all_said(turned) == all_said(Experiment(CONFIG))


@pytest.mark.parametrize(
    ("path", "integer", "decimal"),
    [
        (ALPHA, [1, 10], [1.0, 10.0]),
        ("methods/cf/grid/steps", 50, 50.0),
        ("deletion_fractions", [0.5, 1], [0.5, 1.0]),
        (f"{RECIPE}/decay_stretch", 2, 2.0),
        (f"{RECIPE}/weight_decay", 0, 0.0),
        ("selection", {"deletion_change": 1}, {"deletion_change": 1.0}),
        (f"{POISON}/target_class", 1, 1.0),
        (f"{DIGITS}/model/width", 8, 8.0),
    ],
)
def test_1_and_1_point_0_are_the_same(path, integer, decimal):
    assert all_said(Experiment(changed(path, integer))) == all_said(Experiment(changed(path, decimal)))


DEFAULTS = [
    ("selection", {"validation_accuracy": 0.5, "deletion_change": 0.5}),
    ("originals", {"standard": {}}),
    ("discoveries", {"uniform": {}}),
    ("expansions", {}),
    ("measures", []),
    ("bounds", []),
    ("selection_rule", "equal_weight"),
    ("save_models", "none"),
    ("device", "auto"),
    ("threads", 1),
    (f"{DIGITS}/source", {"name": "digits"}),
    (f"{DIGITS}/label", "digits"),
    (f"{DIGITS}/validation_size", 0.2),
    (f"{RECIPE}/batch_size", 512),
    (f"{RECIPE}/learning_rate", 0.025),
    (f"{RECIPE}/momentum", 0.9),
    (f"{RECIPE}/weight_decay", 5e-4),
    (f"{RECIPE}/warmup", 0.01),
    (f"{RECIPE}/decay_stretch", 1.25),
    (f"{RECIPE}/crop_padding", 4),
    (f"{RECIPE}/flip", True),
    (f"{RECIPE}/precision", "auto"),
    (f"{DIGITS}/model/width", 64),
    (f"{POISON}/target_class", 0),
    (f"{POISON}/patch_size", 3),
    (f"{POISON}/trigger_stage", "model"),
    (f"{POISON}/triggers", 1),
    (f"{POISON}/position", "corner"),
    (f"{POISON}/use", "poison"),
    ("discoveries", {"uniform": {"count": None}}),
    ("methods/eu/use", "eu"),
    ("methods/eu/maker", "standard"),
    ("methods/eu/discovery", ["uniform"]),
    ("methods/eu/expansion", "none"),
    ("methods/eu/grid", {}),
    ("methods/eu/style", {}),
    ("methods/ssd/candidates_per_job", 1),
]


def without(path):
    *above, last = path.split("/")
    config = copy.deepcopy(CONFIG)
    block = config
    for key in above:
        block = block[key]
    block.pop(last, None)
    return config


@pytest.mark.parametrize(("path", "default"), DEFAULTS, ids=[path for path, _ in DEFAULTS])
def test_writing_a_default_changes_nothing(path, default):
    written = all_said(Experiment(changed(path, default)))
    assert written == all_said(Experiment(without(path)))


def test_the_schema_and_the_recipe_have_the_same_defaults():
    described = SCHEMA["$defs"]["recipe"]["properties"]
    from_schema = {key: rule["default"] for key, rule in described.items() if "default" in rule}
    from_code = {field.name: field.default for field in fields(Recipe) if field.default is not NO_DEFAULT}
    assert from_schema == from_code


def test_every_key_of_the_schema_has_a_description():
    missing, seen = [], []

    def walk(rules, path):
        for key, value in rules.items():
            if key in ("properties", "$defs"):
                for name, rule in value.items():
                    seen.append(name)
                    if "$ref" not in rule and len(rule.get("description", "")) < 10:
                        missing.append(f"{path}.{name}")
                    walk(rule, f"{path}.{name}")
            elif isinstance(value, dict):
                walk(value, path)
            elif isinstance(value, list):
                for rule in value:
                    if isinstance(rule, dict):
                        walk(rule, path)

    walk(SCHEMA, "")
    assert len(SCHEMA["description"]) > 10
    assert {"seeds", "steps", "alpha", "n", "color"} - set(seen) == {"alpha"}  # alpha is the method's own
    assert missing == []


def test_planning_imports_neither_pytorch_nor_pandas():
    code = (
        "import sys, yaml; from redress.plan.experiment import Experiment\n"
        "experiment = Experiment(yaml.safe_load(open('config.yaml')))\n"
        "experiment.sources('unlearn', 'digits', methods='ssd')\n"
        "print(*sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow/scripts")}
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    loaded = set(answer.stdout.split())
    assert "redress.plan.experiment" in loaded
    assert loaded.isdisjoint({"torch", "pandas", "matplotlib", "seaborn", "sklearn", "scipy"})


# The same through the command line


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project.copy(tmp_path_factory.mktemp("project") / "redress").folder


INFORMATION = ("Using workflow specific profile", "Config file ")


def said_by_snakemake(project, *arguments):
    """What `snakemake -n` printed, after checking that it refused and left nothing behind."""
    answer = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
    )
    printed = answer.stdout + answer.stderr
    assert answer.returncode != 0, printed
    assert "Traceback" not in printed
    assert not (project / "results").exists()
    lines = [line for line in printed.splitlines() if line.strip() and not line.startswith(INFORMATION)]
    assert len(lines) == 1, printed
    assert lines[0] in answer.stderr.splitlines()
    return lines[0]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"seeds: [0\ndatasets: {", ", line 2: not valid YAML: ", id="unparsable"),
        pytest.param(
            b"seeds: [0]\nseeds: [1]", ", line 2: not valid YAML: the key 'seeds' is given", id="twice"
        ),
        pytest.param(b"label: \xff\xfe\n", ": not valid YAML: byte 7 is not UTF-8", id="not UTF-8"),
        pytest.param(b"- seeds\n- datasets\n", ": is not a block of keys", id="a list"),
        pytest.param(None, ": No such file", id="missing"),
    ],
)
def test_a_broken_config_yaml_is_one_line(project, content, problem):
    path = project / "config.yaml"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    assert said_by_snakemake(project).startswith(f"config.yaml{problem}")


def test_a_wrong_value_is_one_line_that_says_in_which_config_it_is(project, tmp_path):
    file = tmp_path / "mine.yaml"
    absent = said_by_snakemake(project, "--configfile", str(file), "check")
    assert absent.startswith(f"{file}: No such file")
    file.write_text("seeds:\n\t- 0\n")
    assert said_by_snakemake(project, "--configfile", str(file)).startswith(f"{file}, line 2: not valid YAML")
    file.write_text(yaml.safe_dump(changed("sedes", [1])))
    line = said_by_snakemake(project, "--configfile", str(file))
    assert line == f"{file}: sedes: unknown key, did you mean 'seeds'? allowed: {', '.join(KEYS)}"
    file.write_text(yaml.safe_dump(CONFIG))
    line = said_by_snakemake(project, "--configfile", str(file), "--config", "seeds=[a]")
    assert line.startswith("--config: seeds[0]: 'a' is not an integer")
