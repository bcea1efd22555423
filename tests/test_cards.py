"""Jobs that run at once spread over the graphics cards: real processes, no card needed."""

import os
import subprocess
import sys
from collections import Counter

import pytest
from project import ROOT

HOLDER = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / "workflow/scripts")!r})
from redress.launch.cards import take_card
print(take_card(int(sys.argv[1]), Path(sys.argv[2])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def take(tmp_path):
    """Start `jobs` processes that take one of `cards` and hold it: {process: card}."""
    started = []

    def start(cards, jobs, visible=None):
        environment = {key: value for key, value in os.environ.items() if key != "CUDA_VISIBLE_DEVICES"}
        if visible is not None:
            environment["CUDA_VISIBLE_DEVICES"] = visible
        command = [sys.executable, "-c", HOLDER, str(cards), str(tmp_path / "cards")]
        pipe = subprocess.PIPE
        new = [
            subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
            for _ in range(jobs)
        ]
        started.extend(new)
        return {process: int(process.stdout.readline()) for process in new}

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_all_jobs_are_on_the_only_card(take):
    assert list(take(1, 3).values()) == [0, 0, 0]


@pytest.mark.parametrize(("cards", "jobs"), [(2, 2), (2, 4), (3, 7), (8, 5)])
def test_no_card_carries_two_jobs_more_than_another(take, cards, jobs):
    counts = Counter(take(cards, jobs).values())
    assert set(counts) <= set(range(cards))
    assert max(counts.values()) == -(-jobs // cards)
    assert sorted([0] * (cards - len(counts)) + list(counts.values()))[0] == jobs // cards


@pytest.mark.parametrize("killed", [False, True])
def test_a_process_that_ends_gives_its_place_back(take, killed):
    holders = take(2, 4)
    leaving = next(process for process, card in holders.items() if card == 1)
    if killed:
        leaving.kill()
    else:
        leaving.communicate()
    leaving.wait()
    assert list(take(2, 1).values()) == [1]
    assert list(take(2, 2).values()) in ([0, 1], [1, 0])


def test_other_visible_cards_are_counted_apart(take):
    for visible in (None, "0,1", "2,3", "GPU-1/2"):
        assert list(take(2, 1, visible).values()) == [0]
    assert list(take(2, 1, "2,3").values()) == [1]
