"""What the README says is so."""

import re

import pandas as pd
import pytest
import yaml
from project import FINAL, ROOT

TEXT = (ROOT / "README.md").read_text()


def block(language, containing):
    """The one fenced block of `language` that contains a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)
    (found,) = (text for text in blocks if containing in text)
    return found


def test_the_main_figure_and_the_other_five_are_shown():
    assert len(set(re.findall(r"docs/figures/(figure\d_\w+)\.png", TEXT))) == 6


def test_commands_of_make_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", TEXT)) <= targets


@pytest.mark.pipeline
def test_the_example_method_is_one_file_and_one_block(changed):
    project, config = changed
    code, grid = block("python", "def unlearn"), block("yaml", "ascent:")
    assert len(code.splitlines()) + len(grid.splitlines()) <= 30
    (project.folder / "workflow/scripts/methods/ascent.py").write_text(code)
    linted = project.run("ruff", "check", "workflow/scripts/methods/ascent.py")
    assert linted.returncode == 0, linted.stdout
    config["methods"] |= yaml.safe_load(grid)
    project.configure(config)
    assert project.planned() == {"unlearn_ascent": 4, "selection": 4, **FINAL}
    project.snakemake()
    selected = pd.read_csv(project.folder / "results/tables/selected.csv")
    assert len(selected[selected["method"] == "ascent"]) == 4
    assert selected["score"].between(0, 1).all()


@pytest.mark.pipeline
def test_a_value_can_be_changed_on_the_command_line(changed):
    project, _ = changed
    planned = project.planned("--config", "seeds=[0,1,2]")
    assert planned["train"] == 4


@pytest.mark.pipeline
def test_the_example_dataset_is_a_valid_config(changed):
    project, config = changed
    example = yaml.safe_load(block("yaml", "mine:"))["datasets"]["mine"]
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            folder = project.folder / "data/mine" / part / name
            folder.mkdir(parents=True)
            for i in range(600):
                (folder / f"{i}.png").touch()
    config["datasets"] = {"mine": example}
    project.configure(config)
    assert project.planned()["train"] == 3
