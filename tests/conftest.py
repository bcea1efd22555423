import copy
import os
import shutil

import pytest
from filelock import FileLock
from project import TINY, Project


def pytest_collection_modifyitems(items):
    """What takes minutes to wait for comes first, so that other workers need not wait for it in the end."""
    items.sort(key=lambda item: item.path.name != "test_slurm.py")


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project in which the tiny configuration has been run to its end.

    Only to be read, and no snakemake to be started in it: pytest's workers share it.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, complete = shared / "finished", shared / "finished.complete"
    with FileLock(shared / "finished.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)  # another worker's, which has failed
            project = Project.copy(folder)
            project.configure(TINY)
            project.snakemake("--resources", "gpu=1")
            complete.touch()
    return Project(folder)


@pytest.fixture
def changed(finished, tmp_path):
    """A finished project to change, and a config of its own to change."""
    return finished.duplicate(tmp_path / "project"), copy.deepcopy(TINY)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, in which are the pictures, the list and the weights that somebody brings."""
    from brought import bring  # takes PyTorch, which other tests may not need

    bring(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path
