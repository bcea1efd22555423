"""Selection rules against a few lines that do the same by sorting, and whether an attack took."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redress.formats.rules import choose, score, takes
from redress.plugins import names
from redress.referee.attack import attack_on

WEIGHTS = {"validation_accuracy": 0.5, "deletion_change": 0.5}
NAMES = ("validation_accuracy", "deletion_change")
ORIGINAL = {"validation_accuracy": 0.8, "deletion_change": None}


def candidate(validation, change):
    return dict(zip(NAMES, (validation, change), strict=True))


def by_sorting(rule, candidates, healed):
    """The same once more; accuracies are in hundredths, None where a candidate diverged."""
    alive = [at for at, one in enumerate(candidates) if one[0] is not None]
    if rule == "constraint":
        alive = [at for at in alive if candidates[at][0] >= 80 - 2] or alive
        if all(candidates[at][0] < 80 - 2 for at in alive):
            rule = "validation_accuracy"
    by = {
        "equal_weight": lambda at: sum(candidates[at]),
        "validation_accuracy": lambda at: candidates[at][0],
        "constraint": lambda at: -(100 - candidates[at][1]),  # the least of S_f as given
        "healed_known": lambda at: candidates[at][0] + healed[at],
    }[rule]
    ranked = sorted(alive, key=lambda at: (-by(at), -candidates[at][0], at))
    return ranked[0] if ranked else None


hundredths = st.integers(70, 90)
dead = st.just((None, None, None))
models = st.lists(st.one_of(st.tuples(hundredths, hundredths, hundredths), dead), min_size=1, max_size=9)


def test_all_rules_are_looked_at():
    assert names("selections") == ["constraint", "equal_weight", "healed_known", "validation_accuracy"]
    assert [rule for rule in names("selections") if takes(rule, "healed")] == ["healed_known"]
    assert [rule for rule in names("selections") if takes(rule, "original")] == ["constraint"]


@pytest.mark.parametrize("rule", names("selections"))
@settings(deadline=None)
@given(models)
def test_a_rule_chooses_what_sorting_does(rule, models):
    candidates = [candidate(*(None if one is None else one / 100 for one in model[:2])) for model in models]
    healed = [None if model[2] is None else model[2] / 100 for model in models]
    chosen = choose(rule, candidates, WEIGHTS, ORIGINAL, healed)
    assert chosen == by_sorting(rule, [model[:2] for model in models], [model[2] for model in models])


@pytest.mark.parametrize(
    ("rule", "chosen"),
    [("equal_weight", 2), ("validation_accuracy", 2), ("constraint", 2), ("healed_known", 0)],
)
def test_where_deletion_change_does_not_apply_the_rest_decides(rule, chosen):
    candidates = [candidate(0.79, None), candidate(0.5, None), candidate(0.9, None)]
    weights = {"validation_accuracy": 0.5}  # as selection and measure drop the other one
    assert choose(rule, candidates, weights, ORIGINAL, [0.9, 0.9, 0.1]) == chosen


def test_without_weights_that_apply_equal_weight_chooses_nothing():
    assert choose("equal_weight", [candidate(0.9, None)], {}) is None
    assert score(candidate(0.9, None), {}) == 0


def test_where_the_original_diverged_nothing_keeps_its_accuracy():
    candidates = [candidate(0.5, 1.0), candidate(0.6, 0.1)]
    assert choose("constraint", candidates, WEIGHTS, dict.fromkeys(NAMES)) == 1


# Whether there is anything to repair


@pytest.mark.parametrize(
    ("rate", "utility", "on_manipulated", "on_domain", "attack"),
    [
        (0.5, 0.9, 0.9, 0.9, "took"),
        (0.49, 0.9, 0.1, 0.1, "failed"),  # with a target class that alone counts
        (None, 0.9, 0.84, 0.9, "took"),  # loss on S_m
        (None, 0.9, 0.9, 0.84, "took"),  # loss on D_m
        (None, 0.9, 0.85, 0.85, "failed"),  # 0.05 is none, rounding or not
        (None, 0.2, 0.9, 0.9, "failed"),
        (None, None, None, None, None),  # it diverged
    ],
)
def test_an_attack_fails_where_it_does_no_harm(rate, utility, on_manipulated, on_domain, attack):
    record = {"attack_success_rate": rate, "utility_test": utility}
    assert attack_on({**record, "removal_train": on_manipulated, "removal_test": on_domain}) == attack


@pytest.mark.parametrize(
    ("unharmed", "on_manipulated", "on_domain", "attack"),
    [
        ((0.6, 0.6), 0.56, 0.57, "failed"),  # cats and dogs are hard with nothing done
        ((0.9, 0.9), 0.82, 0.89, "took"),  # cars and ships are easy: above utility, and yet harmed
        ((0.9, 0.9), 0.89, 0.82, "took"),
        ((None, None), 0.76, 0.77, "failed"),  # that bound diverged: utility says it
    ],
)
def test_harm_is_told_by_what_a_model_without_the_manipulated_samples_reaches(
    unharmed, on_manipulated, on_domain, attack
):
    bound = dict(zip(("removal_train", "removal_test"), unharmed, strict=True))
    record = {"attack_success_rate": None, "utility_test": 0.8}
    record |= {"removal_train": on_manipulated, "removal_test": on_domain}
    assert attack_on(record, bound) == attack
