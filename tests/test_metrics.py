"""Every measured figure on predictions written by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from redress import plugins
from redress.evaluation import Evaluation
from redress.metrics import accuracy, attack_success_rate, deletion_change
from redress.records import MEASURED


def of(*values):
    return np.array(values, dtype=np.int64)


NOTHING = of()


def test_accuracy_is_the_share_of_hits():
    assert accuracy(of(1, 2, 3, 4), of(1, 2, 0, 0)) == 0.5
    assert accuracy(of(7), of(7)) == 1.0
    assert accuracy(of(7), of(6)) == 0.0


def test_deletion_change_is_the_share_that_left_its_given_label():
    assert deletion_change(of(1, 2, 3, 4), of(1, 0, 0, 0)) == 0.75
    assert deletion_change(of(5, 5), of(5, 5)) == 0.0


def test_attack_success_counts_only_samples_of_other_classes():
    # Of the three samples that are not 0, one is called 0; that the two zeros are too says nothing.
    assert attack_success_rate(of(0, 0, 0, 2, 1), of(0, 0, 1, 2, 2), target=0) == pytest.approx(1 / 3)
    assert attack_success_rate(of(1, 1), of(0, 2), target=1) == 1.0
    assert attack_success_rate(of(0, 2), of(0, 2), target=1) == 0.0


def test_figures_over_no_sample_are_undefined():
    assert accuracy(NOTHING, NOTHING) is None
    assert deletion_change(NOTHING, NOTHING) is None
    assert attack_success_rate(NOTHING, NOTHING, target=0) is None
    assert attack_success_rate(of(0, 1), of(0, 0), target=0) is None


def test_figures_are_plain_numbers_that_json_can_hold():
    figures = [
        accuracy(of(1), of(1)),
        deletion_change(of(1), of(1)),
        attack_success_rate(of(1), of(1), 0),
    ]
    assert [type(figure) for figure in figures] == [float] * 3


def evaluation_of(manipulation, given_labels, **labels):
    """An Evaluation that holds labels alone, which is all that `measure` needs."""
    evaluation = Evaluation.__new__(Evaluation)
    evaluation._labels = labels
    evaluation._scenario = SimpleNamespace(
        manipulation=manipulation, draw=SimpleNamespace(given_labels=given_labels)
    )
    return evaluation


PREDICTIONS = {
    "validation": of(0, 1, 2, 0, 0),
    "affected": of(0, 0, 0, 2),
    "unaffected": of(0, 1, 2, 2),
    "manipulated": of(0, 1, 2, 0),
}


@pytest.fixture
def poisoned():
    return evaluation_of(
        plugins.manipulation("poison", {"target_class": 0}),
        given_labels=of(0, 0, 0, 0),
        validation=of(0, 1, 2, 1, 2),
        affected=of(0, 1, 2, 2),
        unaffected=of(0, 1, 2, 1),
        manipulated=of(1, 1, 2, 2),
    )


def test_measuring_a_poisoned_model_by_hand(poisoned):
    assert poisoned.measure(PREDICTIONS, deletion_size=2) == {
        "validation_accuracy": 3 / 5,
        "deletion_change": 1 / 2,  # of the first two, the second is no longer called 0
        "removal_test": 2 / 4,
        "removal_train": 2 / 4,
        "removal_train_discovered": 1 / 2,
        "removal_train_undiscovered": 1 / 2,
        "utility_test": 3 / 4,
        "attack_success_rate": 2 / 3,
    }


@pytest.mark.parametrize(
    ("size", "change", "discovered", "undiscovered"),
    [
        (0, None, None, 2 / 4),
        (1, 0.0, 0.0, 2 / 3),
        (3, 2 / 3, 2 / 3, 0.0),
        (4, 2 / 4, 2 / 4, None),
    ],
)
def test_the_deletion_set_splits_the_manipulated_set(poisoned, size, change, discovered, undiscovered):
    measured = poisoned.measure(PREDICTIONS, deletion_size=size)
    assert measured["deletion_change"] == change
    assert measured["removal_train_discovered"] == discovered
    assert measured["removal_train_undiscovered"] == undiscovered
    assert measured["removal_train"] == 2 / 4


def test_measuring_a_confused_model_by_hand():
    confused = evaluation_of(
        plugins.manipulation("interclass", {"classes": (1, 2)}),
        given_labels=of(2, 1, 1),
        validation=of(1, 2),
        affected=of(1, 2, 2),
        unaffected=NOTHING,
        manipulated=of(1, 2, 2),
    )
    predictions = {
        "validation": of(1, 1),
        "affected": of(1, 2, 0),
        "unaffected": NOTHING,
        "manipulated": of(1, 1, 0),
    }
    assert confused.measure(predictions, deletion_size=3) == {
        "validation_accuracy": 1 / 2,
        "deletion_change": 2 / 3,  # the prediction 0 differs from the given label without being right
        "removal_test": 2 / 3,
        "removal_train": 1 / 3,
        "removal_train_discovered": 1 / 3,
        "removal_train_undiscovered": None,
        "utility_test": None,
        "attack_success_rate": None,
    }


def test_nothing_is_measured_on_a_diverged_model(poisoned):
    measured = poisoned.measure(None, deletion_size=2)
    assert set(measured) == set(MEASURED)
    assert set(measured.values()) == {None}


@pytest.mark.parametrize("kind", ["array", "tensor"])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_trigger_is_a_white_square_at_the_bottom_right_and_nothing_else(kind, size):
    before = np.random.default_rng(0).integers(0, 255, (4, 3, 5, 5), dtype=np.uint8)
    images = before.copy() if kind == "array" else torch.from_numpy(before.copy())
    after = np.asarray(plugins.manipulation("poison", {"patch_size": size}).alter(images))
    for row in range(5):
        for column in range(5):
            in_patch = row >= 5 - size and column >= 5 - size
            expected = 255 if in_patch else before[:, :, row, column]
            assert (after[:, :, row, column] == expected).all()
    assert after.dtype == np.uint8
    assert after.shape == before.shape


def test_interclass_leaves_images_as_they_are():
    images = np.arange(16, dtype=np.uint8).reshape(1, 1, 4, 4)
    altered = plugins.manipulation("interclass", {"classes": (0, 1)}).alter(images.copy())
    assert np.array_equal(altered, images)


def test_poison_harms_every_triggered_image_and_utility_is_every_clean_one():
    poison = plugins.manipulation("poison", {})
    assert poison.affected(of(0, 1, 2)).tolist() == [True, True, True]
    assert poison.unaffected(of(0, 1, 2)).tolist() == [True, True, True]


def test_interclass_harms_its_two_classes_and_utility_is_the_others():
    interclass = plugins.manipulation("interclass", {"classes": (3, 1)})
    assert interclass.affected(of(0, 1, 2, 3, 3)).tolist() == [False, True, False, True, True]
    assert interclass.unaffected(of(0, 1, 2, 3, 3)).tolist() == [True, False, True, False, False]


def test_the_attack_has_a_target_only_where_there_is_a_trigger():
    assert plugins.manipulation("poison", {"target_class": 4}).attack_target == 4
    assert plugins.manipulation("interclass", {"classes": (3, 1)}).attack_target is None


@pytest.mark.parametrize("stage", ["model", "stored"])
def test_config_says_when_the_trigger_is_stamped(stage):
    assert plugins.manipulation("poison", {"trigger_stage": stage}).stage == stage
    assert plugins.manipulation("poison", {}).stage == "model"
