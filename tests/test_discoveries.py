"""Who finds what: each discovery on a truth of twelve samples, by hand."""

import json
import re
from itertools import pairwise

import numpy as np
import pytest

from redress.formats.contents import Truth
from redress.formats.errors import BadInputError
from redress.plugins import load

TRUE = np.array([0, 1, 2] * 10)
MANIPULATED = np.array([4, 9, 2, 11, 0, 7, 8, 20, 23, 13])
# Their classes: 1 0 2 2 0 1 2 2 2 1. Class 0 is the target, so samples 9 and 0 keep their label.
MARK = np.array([1, 0, 0, 2, 1, 1, 0, 2, 2, 1])
NOBODY = np.empty(0, int)
SHARES = [0.1, 0.3, 0.5, 0.8, 1.0]


def truth(given=0):
    labels = TRUE.copy()
    labels[MANIPULATED] = TRUE[MANIPULATED] if given is None else given
    return Truth(MANIPULATED, MARK, TRUE, labels, NOBODY, NOBODY, NOBODY, {}, 0)


def found(name, share=1.0, given=0, seed=0, **settings):
    generator = np.random.default_rng(seed)
    indices = load("discoveries", name).discover(truth(given), share, generator, **settings)
    return indices.tolist()


# Margins of S_m's samples in its order: their means over visits are 1, -2, 0.5, -2, 3, nothing, 7, 0, -1, 6.
MARGINS = np.full((30, 3), 99, np.float16)
MARGINS[MANIPULATED] = np.array(
    [
        [0, 2, np.nan],
        [-2, -2, -2],
        [0.5, np.nan, np.nan],
        [-4, 0, np.nan],
        [3, 3, 3],
        [np.nan, np.nan, np.nan],
        [7, np.nan, 7],
        [-1, 1, 0],
        [-1, -1, np.nan],
        [6, 6, 6],
    ]
)

# discovery, settings, share, S_f
FOUND = [
    ("uniform", {}, 0.5, [4, 9, 2, 11, 0]),
    ("uniform", {"count": 1}, 0.5, [4]),
    ("uniform", {"count": 10}, 0.1, MANIPULATED.tolist()),
    ("held_out", {"fold": 1, "folds": 3}, 1.0, [4, 2, 11, 7, 8, 23, 13]),
    ("held_out", {"fold": 0, "folds": 2}, 0.5, [9, 11]),
    ("one_class", {"true_class": 2}, 0.3, [2, 11, 8]),
    ("one_class", {"true_class": 2}, 1.0, [2, 11, 8, 20, 23]),
    ("one_class", {"true_class": 0}, 1.0, [9, 0]),
    ("one_class", {}, 1.0, [4, 7, 13]),
    ("one_class", {"given": None}, 1.0, [9, 0]),
    ("one_trigger", {}, 1.0, [9, 2, 8]),
    ("one_trigger", {"mark": 1}, 0.2, [4, 0]),
    ("one_trigger", {"mark": 2}, 0.9, [11, 20, 23]),
    ("by_margin", {"margins": MARGINS}, 0.4, [9, 11, 23, 20]),
    ("by_margin", {"margins": MARGINS, "first": "easiest"}, 0.3, [8, 13, 0]),
    ("by_margin", {"margins": MARGINS, "first": "easiest"}, 1.0, [8, 13, 0, 4, 2, 20, 23, 9, 11, 7]),
    ("by_margin", {"margins": MARGINS}, 1.0, [9, 11, 23, 20, 2, 4, 0, 13, 8, 7]),
]


def _name(case):
    return f"{case[0]}-{case[2]}-" + json.dumps({k: v for k, v in case[1].items() if k != "margins"})


@pytest.mark.parametrize(("name", "settings", "share", "expected"), FOUND, ids=map(_name, FOUND))
def test_a_discovery_finds_what_a_look_at_the_table_finds(name, settings, share, expected):
    assert found(name, share, **settings) == expected


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("uniform", {}),
        ("one_class", {"true_class": 2}),
        ("one_trigger", {"mark": 1}),
        ("by_margin", {"margins": MARGINS}),
        *(("false_positives", {"rate": rate}) for rate in (0, 0.05, 0.2, 0.5)),
    ],
)
def test_sets_of_one_seed_are_nested(name, settings):
    for seed in range(20):
        sets = [set(found(name, share, seed=seed, **settings)) for share in SHARES]
        assert all(few <= many for few, many in pairwise(sets))


@pytest.mark.parametrize("rate", [0, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("share", SHARES)
def test_a_rate_says_how_much_of_s_f_is_clean(share, rate):
    clean = set()
    for seed in range(60):
        deletion = found("false_positives", share, seed=seed, rate=rate)
        assert len(set(deletion)) == len(deletion) == round(share * 10)
        wrong = [sample for sample in deletion if sample not in MANIPULATED]
        assert len(wrong) == round(rate * len(deletion))
        right = [sample for sample in deletion if sample in MANIPULATED]
        assert sorted(right) == sorted(MANIPULATED[: len(right)].tolist())
        clean |= set(wrong)
    if rate == 0.5 and share == 1:
        assert clean == set(range(30)) - set(MANIPULATED.tolist())


def test_false_positives_stand_anywhere_in_s_f():
    orders = [
        [sample in MANIPULATED for sample in found("false_positives", 1.0, seed=s, rate=0.5)]
        for s in range(99)
    ]
    assert np.mean(orders, axis=0).min() > 0.3
    assert np.mean(orders, axis=0).max() < 0.7


@pytest.mark.parametrize(
    ("name", "settings", "problem"),
    [
        ("one_class", {"true_class": 3}, "S_m holds no sample of class 3"),
        ("one_trigger", {"mark": 3}, "no sample of S_m carries mark 3; the highest is 2"),
        ("by_margin", {"margins": np.empty((30, 0))}, "M_o was not trained here"),
    ],
)
def test_who_can_find_nobody_says_so_in_one_line(name, settings, problem):
    with pytest.raises(BadInputError, match=re.escape(problem)) as caught:
        found(name, **settings)
    assert str(caught.value).startswith(f"discoveries/{name}.py: ")
    assert "\n" not in str(caught.value)


def test_folds_part_what_uniform_finds():
    for share in (0.5, 0.8, 1.0):
        everything = set(found("uniform", share))
        left_out = [everything - set(found("held_out", share, fold=fold, folds=5)) for fold in range(5)]
        assert sorted(one for out in left_out for one in out) == sorted(everything)
        assert max(map(len, left_out)) - min(map(len, left_out)) <= 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fold": 5, "folds": 5}, "5 is not a fold; allowed: 0 to 4"),
        ({"fold": 0, "folds": 1}, "1 is out of range: at least 2"),
        ({"fold": 0, "folds": 11}, "11 are more than the 10 samples that are 0.1 of 100"),
    ],
)
def test_folds_that_cannot_be_are_refused(settings, message):
    problems = load("discoveries", "held_out").problems(None, 100, [0.1], None, **settings)
    assert [problem for _, problem in problems] == [message]
