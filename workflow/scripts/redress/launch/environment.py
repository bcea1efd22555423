"""The environment that jobs inherit from Snakemake."""

import os
import sys


def share_environment() -> None:
    """Let jobs run with the Python that runs this, activated or not, and find what is beside their script."""
    os.environ["PATH"] = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ.get('PATH', '')}"  # noqa: PTH120
    os.environ.pop("PYTHONSAFEPATH", None)
