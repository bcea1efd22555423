"""Runs killed at random moments go on from where they were."""

import sys

import pytest
from kills import Siege

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc"),
]


def test_a_killed_run_started_again_ends_with_an_uninterrupted_runs_tables(tmp_path):
    siege = Siege(tmp_path, seed=1)
    siege.run(kills=5)
    assert siege.counts["killed: snakemake"] == 2
    assert siege.counts["killed: group"] == 1
    assert siege.counts["jobs planned after the end"] == 0
    assert siege.counts["completed"] >= 1
