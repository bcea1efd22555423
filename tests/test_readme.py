"""What the README says is so."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from project import FINAL, ROOT

TEXT = (ROOT / "README.md").read_text()
PLUGINS = "workflow/scripts/redress/plugins"


def block(language, containing):
    """The one fenced block of `language` that contains a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)
    (found,) = (text for text in blocks if containing in text)
    return found


def example(containing):
    """The one block of config that contains a text."""
    return yaml.safe_load(block("yaml", containing))


def add(project, file, containing):
    """Write the one Python example that contains a text to where the README says that it belongs."""
    assert f"`{file}`" in TEXT or f"`{PLUGINS}/{file}`" in TEXT
    path = project.folder / PLUGINS / file
    path.write_text(block("python", containing))
    linted = project.run("ruff", "check", str(path))
    assert linted.returncode == 0, linted.stdout


def test_the_main_figure_and_the_other_five_are_shown():
    assert len(set(re.findall(r"docs/figures/(figure\d_\w+)\.png", TEXT))) == 6


def test_commands_of_make_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", TEXT)) <= targets


@pytest.mark.slow
def test_the_example_method_is_one_file_and_one_block(changed):
    project, config = changed
    code, grid = block("python", "def unlearn"), block("yaml", "climb:")
    assert len(code.splitlines()) + len(grid.splitlines()) <= 30
    add(project, "methods/climb.py", "def unlearn")
    config["methods"] |= yaml.safe_load(grid)
    project.configure(config)
    assert project.planned() == {"unlearn_climb": 4, "selection": 2, "measure": 2, **FINAL}
    project.snakemake()
    selected = pd.read_csv(project.folder / "results/tables/selected.csv")
    assert len(selected[selected["method"] == "climb"]) == 4
    assert selected["score"].between(0, 1).all()


@pytest.mark.slow
def test_the_other_examples_run_as_they_stand_there(changed):
    project, config = changed
    add(project, "discoveries/false_alarms.py", "def discover")
    add(project, "measures/worst_class.py", "def worst_class")
    shutil.copy(ROOT / "tests/design/nearest.py", project.folder / PLUGINS / "expansions")
    config |= example("alarmed:") | example("measures:") | example("eu_grown:")
    config["datasets"]["digits"]["manipulations"] = example("large_patch:")["manipulations"]
    project.configure(config)
    project.snakemake()
    rows = pd.read_csv(project.folder / "results/tables/candidates.csv").query("method != 'original'")
    assert set(rows["manipulation"]) == {"poison", "large_patch"}
    sizes = rows.set_index(["method", "discovery", "deletion_fraction"])["deletion_size"]
    for method, more in (("eu", 0), ("eu_grown", 10)):
        for share in config["deletion_fractions"]:
            assert set(sizes[method, "uniform", share]) == {60 * share + more}
            assert set(sizes[method, "alarmed", share]) == {60 * share * 1.2 + more}
    assert (rows["worst_class"] <= rows["utility_test"]).all()
    summary = pd.read_csv(project.folder / "results/tables/summary.csv")
    assert set(summary.query("measure == 'worst_class'")["method"]) == {"original", "eu", "eu_grown"}


@pytest.mark.slow
def test_weights_can_be_brought_as_the_readme_says(changed):
    project, config = changed
    weights = project.folder / "results/runs/digits/poison/n20/seed0/standard/original.safetensors"
    table = project.folder / "results/tables/candidates.csv"
    trained = pd.read_csv(table).query("manipulation == 'poison'")
    (project.folder / "data").mkdir(exist_ok=True)
    shutil.copy(weights, project.folder / "data/mine.safetensors")
    config |= example("use: given") | {"methods": {"cf": config["methods"]["cf"]}}
    del config["datasets"]["digits"]["manipulations"]["interclass"]
    project.configure(config)
    project.snakemake()
    brought = pd.read_csv(table)
    assert set(brought["maker"]) == {"mine"}
    measures = ["removal_test", "utility_test"]
    for method in ("original", "cf"):  # seeds do not depend on who made M_o
        before, after = (rows.query(f"method == '{method}'")[measures] for rows in (trained, brought))
        np.testing.assert_array_equal(before, after)


def test_a_value_can_be_changed_on_the_command_line(changed):
    project, _ = changed
    planned = project.planned("--config", "seeds=[0,1,2]")
    assert planned["train"] == 4


def test_the_example_dataset_is_a_valid_config(changed):
    project, config = changed
    mine = example("source: {name: folder")["datasets"]["mine"]
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            folder = project.folder / "data/mine" / part / name
            folder.mkdir(parents=True)
            for i in range(600):
                (folder / f"{i}.png").touch()
    config["datasets"] = {"mine": mine}
    project.configure(config)
    assert project.planned()["train"] == 3
