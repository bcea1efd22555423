"""What there is time for: candidates and folds, by what they are measured to take."""

import dataclasses

import numpy as np
import pytest
from made_up_cases import FOLDS, candidate, case

from redress.judge import UNKNOWN, Candidate
from redress.judge.budget import START_SECONDS, Again, Job, Speed, affordable, again, minutes, spent_by

SPEED = Speed(step=0.1, prediction=1.0, batches=10)


def job(method, *names, anew=False, steps=0, importances=()):
    values = {name: {"at": name} for name in names or ("one",)}
    return Job(method, values, dict.fromkeys(values, steps), importances, anew)


def named(the_case, **seconds):
    """A candidate `one` of each method, which takes these seconds once more."""
    return [
        ("one", dataclasses.replace(candidate(the_case, method, 1.0, folds=0), again=price - START_SECONDS))
        for method, price in seconds.items()
    ]


def parts(found: Again):
    return {at: len(made) for at, made in found.parts.items()}


def test_the_cheapest_candidates_are_run_first_and_one_whatever_it_takes():
    jobs = [job("eu", anew=True, steps=1000), job("cf", steps=100), job("ssd")]
    kept, estimates = affordable(jobs, SPEED, 1000)
    assert (kept, estimates) == ([0, 1, 2], [103, 13, 3])
    assert affordable(jobs, SPEED, 20)[0] == [1, 2]
    assert affordable(jobs, SPEED, 15.9)[0] == [2]
    assert affordable(jobs, SPEED, 0.1)[0] == [2]


def test_a_job_counts_all_that_it_carries_and_a_shared_importance_counts_once():
    fisher = [("fisher", "training_set"), ("fisher", "none/known/1.0")]
    jobs = [job("ssd", "a", "b", importances=fisher), job("ssd", "c", importances=fisher)]
    assert affordable(jobs, SPEED, 100)[1] == [4, 3]
    assert affordable(jobs, SPEED, 8)[0] == [0, 1]  # 3 and, once, 1 for the importance, then 4
    assert affordable(jobs, SPEED, 7.9)[0] == [1]


def test_without_a_budget_what_trains_anew_stops_at_what_a_verdict_needs():
    the_case = case(60)
    own = named(the_case, eu=100, cf=10)
    jobs = [job("eu", anew=True), job("cf")]
    found = again(the_case, own, [0, 1], jobs, 0, None)
    assert parts(found) == {0: 1, 1: FOLDS}
    assert found.short == {0: 400}
    few = case(20)  # four samples a fold
    assert parts(again(few, named(few, eu=100), [0], jobs[:1], 0, None)) == {0: 3}


@pytest.mark.parametrize(
    ("left", "made", "dropped"),
    [
        (1000, {0: 5, 1: 5}, {}),
        (110, {0: 1, 1: 1}, {}),
        (130, {0: 1, 1: 3}, {}),
        (149.9, {0: 1, 1: 4}, {}),
        (350, {0: 3, 1: 5}, {}),
        (109, {1: 5}, {0: 100}),
        (5, {1: 1}, {0: 100}),
        (-3, {1: 1}, {0: 100}),
    ],
)
def test_a_budget_gives_each_what_a_verdict_needs_and_then_the_rest_cheapest_first(left, made, dropped):
    own = named(case(60), eu=100, cf=10)
    found = again(case(60), own, [0, 1], [job("eu", anew=True), job("cf")], 0, left)
    assert parts(found) == made
    assert found.dropped == dropped


def test_groups_come_last_and_all_or_none():
    the_case = case(60, group=np.array(["a", "b"] * 30))
    own, jobs = named(the_case, cf=10), [job("cf")]
    assert again(the_case, own, [0], jobs, 2, None).parts[0][-2:] == ("group0", "group1")
    assert parts(again(the_case, own, [0], jobs, 2, 70)) == {0: 7}
    found = again(the_case, own, [0], jobs, 2, 69)
    assert (parts(found), found.short) == ({0: 5}, {0: 20})
    assert parts(again(the_case, own, [0], [job("cf", anew=True)], 2, None)) == {0: 1}


def test_what_is_judged_by_the_list_itself_is_not_made_again():
    (name, eu), cf = named(case(60), eu=100, cf=10)
    own = [(name, dataclasses.replace(eu, unseen=True)), cf]
    found = again(case(60), own, [0, 1], [job("eu", anew=True), job("cf")], 0, 50)
    assert (parts(found), found.short, found.dropped) == ({1: 5}, {}, {})


def test_what_shares_a_job_is_paid_for_together():
    own = [*named(case(60), ssd=10), *named(case(60), ssd=6)]
    own = [("a", own[0][1]), ("b", own[1][1])]
    found = again(case(60), own, [1], [job("ssd", "a", "b")], 0, 28)
    assert parts(found) == {1: 2}  # each time both of them: 8 + 4 + 2 seconds


def test_a_list_too_short_for_a_verdict_has_no_folds():
    assert parts(again(case(5), named(case(5), cf=10), [0], [job("cf")], 0, None)) == {0: 0}


def test_samples_that_do_not_count_do_not_make_a_fold_enough():
    half = np.where(np.arange(60) % FOLDS == 0, UNKNOWN, np.arange(60) % 4)
    the_case = case(60, bad_true=half)  # of the first fold no true label is known
    assert parts(again(the_case, named(the_case, eu=9), [0], [job("eu", anew=True)], 0, None)) == {0: 2}


def test_what_was_spent_counts_an_importance_once_a_method():
    shared = [
        (name, Candidate("ssd", {"at": name}, 30, candidate(case(), "x", 1.0).whole, again=2))
        for name in "ab"
    ]
    assert spent_by(shared, [job("ssd", "a", "b")]) == START_SECONDS + 2 + 2 + 28


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3.2, "about 3 seconds"), (100, "about 2 minutes"), (3600, "about 60 minutes")],
)
def test_times_in_words(seconds, words):
    assert minutes(seconds) == words
