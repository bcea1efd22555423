"""Every measure on predictions written by hand, and what it says of itself."""

import numpy as np
import pytest

from redress.adversary.act import manipulation
from redress.adversary.manipulation import Samples
from redress.formats.alterations import View
from redress.formats.measures import Known, accuracy, measure, measures


def of(*values):
    return np.array(values, dtype=np.int64)


NOTHING = of()
MEASURES = measures()

POISONED = {
    "validation": of(0, 1, 2, 0, 0),
    "validation_labels": of(0, 1, 2, 1, 2),
    "deletion": of(0, 1),
    "deletion_given": of(0, 0),
    "labels_in_doubt": True,
    "affected": of(0, 0, 0, 2),
    "affected_labels": of(0, 1, 2, 2),
    "unaffected": of(0, 1, 2, 2),
    "unaffected_labels": of(0, 1, 2, 1),
    "manipulated": of(0, 1, 2, 0),
    "manipulated_labels": of(1, 1, 2, 2),
    "discovered": np.array([True, True, False, False]),
    "attack_target": 0,
}


def figures(**changes):
    known = Known(**{**POISONED, **changes})
    return {name: one.of(known) for name, one in MEASURES.items()}


def test_a_poisoned_model_by_hand():
    assert figures() == {
        "validation_accuracy": 3 / 5,
        "deletion_change": 1 / 2,
        "removal_test": 2 / 4,
        "removal_train": 2 / 4,
        "removal_train_discovered": 1 / 2,
        "removal_train_undiscovered": 1 / 2,
        "utility_test": 3 / 4,
        "attack_success_rate": 2 / 3,  # of the three that are not 0; the one that is says nothing
    }
    assert {type(value) for value in figures().values()} == {float}  # as JSON can hold


@pytest.mark.parametrize(
    ("found", "discovered", "undiscovered"),
    [
        ((), None, 2 / 4),
        ((0,), 0.0, 2 / 3),
        ((1, 3), 1 / 2, 1 / 2),
        ((0, 1, 2), 2 / 3, 0.0),
        ((0, 1, 2, 3), 2 / 4, None),
    ],
)
def test_what_was_found_splits_the_manipulated_set(found, discovered, undiscovered):
    measured = figures(discovered=np.isin(np.arange(4), found))
    assert measured["removal_train_discovered"] == discovered
    assert measured["removal_train_undiscovered"] == undiscovered
    assert measured["removal_train"] == 2 / 4


def test_a_prediction_may_leave_its_given_label_without_being_right():
    assert figures(deletion=of(1, 1, 0), deletion_given=of(2, 1, 1))["deletion_change"] == 2 / 3


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("validation_accuracy", {"validation": NOTHING, "validation_labels": NOTHING}),
        ("deletion_change", {"deletion": NOTHING, "deletion_given": NOTHING}),
        ("deletion_change", {"labels_in_doubt": False}),
        ("removal_test", {"affected": NOTHING, "affected_labels": NOTHING}),
        ("utility_test", {"unaffected": NOTHING, "unaffected_labels": NOTHING}),
        ("attack_success_rate", {"affected": of(0, 1), "affected_labels": of(0, 0)}),
        ("attack_success_rate", {"attack_target": None}),
    ],
)
def test_without_a_sample_or_where_it_does_not_apply_a_measure_is_undefined(name, changes):
    assert figures(**changes)[name] is None


def test_a_measure_that_does_not_always_apply_says_why():
    elsewhere = Known(**{**POISONED, "labels_in_doubt": False, "attack_target": None})
    silent = [name for name, one in MEASURES.items() if not one.applies(elsewhere)]
    assert silent == ["deletion_change", "attack_success_rate"]
    assert all(MEASURES[name].otherwise for name in silent)


def test_measures_name_their_owner_unit_and_direction():
    developers = [name for name, one in MEASURES.items() if one.owner == "developer"]
    assert developers == ["validation_accuracy", "deletion_change"]
    assert [name for name, one in MEASURES.items() if one.better == "lower"] == ["attack_success_rate"]
    assert {one.unit for one in MEASURES.values()} == {"fraction"}
    assert MEASURES["removal_test"].axis == "Accuracy on {affected} (%)"
    assert MEASURES["removal_train_discovered"].axis == MEASURES["removal_train_discovered"].label


def test_a_marked_function_is_a_measure_of_its_own_name():
    @measure(label="Ones", unit="samples", better="lower", owner="developer")
    def ones(seen):
        return float((seen.validation == 1).sum())

    assert (ones.name, ones.unit, ones.better, ones.owner) == ("ones", "samples", "lower", "developer")
    assert ones.of(Known(**POISONED)) == 1.0


def test_accuracy_is_the_share_of_hits():
    assert accuracy(of(1, 2, 3, 4), of(1, 2, 0, 0)) == 0.5
    assert accuracy(np.array([200], np.uint8), of(456)) == 0.0


# What a manipulation counts as affected


@pytest.mark.parametrize("stage", ["model", "stored"])
@pytest.mark.parametrize("size", [1, 3, 5])
def test_the_trigger_is_a_white_square_at_the_bottom_right_and_nothing_else(stage, size):
    before = np.random.default_rng(0).integers(0, 255, (4, 3, 5, 5), dtype=np.uint8)
    samples = Samples(before.copy(), np.zeros(4, int), "test", np.arange(4))
    poison = manipulation("poison", {"patch_size": size, "trigger_stage": stage})
    view = View.altered(
        "test", samples.indices, poison.alter(samples, np.random.default_rng(0)), np.arange(4)
    )
    after = view.pictures(before, np.arange(4))
    for row in range(5):
        for column in range(5):
            in_patch = row >= 5 - size and column >= 5 - size
            expected = 255 if in_patch else before[:, :, row, column]
            assert (after[:, :, row, column] == expected).all()
    assert np.array_equal(samples.images, before)


def test_poison_harms_every_triggered_image_and_utility_is_every_clean_one():
    poison = manipulation("poison", {"target_class": 4})
    assert poison.affected(of(0, 1, 2)).tolist() == [True, True, True]
    assert poison.unaffected(of(0, 1, 2)).tolist() == [True, True, True]
    assert poison.attack_target == 4


def test_interclass_leaves_pictures_alone_and_harms_its_two_classes():
    interclass = manipulation("interclass", {"classes": (3, 1)})
    assert interclass.alter(Samples(np.zeros((1, 1, 2, 2)), of(0), "train", of(0)), None) is None
    assert interclass.affected(of(0, 1, 2, 3, 3)).tolist() == [False, True, False, True, True]
    assert interclass.unaffected(of(0, 1, 2, 3, 3)).tolist() == [True, False, True, False, False]
    assert interclass.attack_target is None
