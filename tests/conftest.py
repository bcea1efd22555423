import copy

import pytest
from project import TINY, Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project in which the tiny configuration has been run to its end. Not to be changed."""
    project = Project.copy(tmp_path_factory.mktemp("finished"))
    project.configure(TINY)
    project.snakemake("--resources", "gpu=1")
    return project


@pytest.fixture
def changed(finished, tmp_path):
    """A finished project to change, and a config of its own to change."""
    return finished.duplicate(tmp_path / "project"), copy.deepcopy(TINY)
