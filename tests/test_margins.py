"""The margin log of a training against a loop by hand."""

import math

import numpy as np
import pytest
import tiny
import torch
from torch import nn
from torch.nn import functional

from redress.developer.margins import MarginLog
from redress.developer.training import train

INDICES = torch.tensor([1, 5, 6, 10, 11])


def trained(margins=None, loss=None, steps=7):
    keywords = {} if loss is None else {"loss": loss}
    return train(
        tiny.model(),
        tiny.data().training_set,
        INDICES,
        tiny.RECIPE,
        steps=steps,
        generator=torch.Generator().manual_seed(0),
        margins=margins,
        **keywords,
    )


def test_the_log_holds_every_visit_of_every_sample_in_order():
    """The same training once more, its logits noted batch by batch."""
    visits = {sample: [] for sample in range(16)}

    def loss(network, images, labels, batch):
        logits = network(images)
        for sample, label, row in zip(batch.tolist(), labels.tolist(), logits.tolist(), strict=True):
            visits[sample].append(row[label] - max(row[c] for c in range(tiny.CLASSES) if c != label))
        return functional.cross_entropy(logits, labels)

    trained(loss=loss)
    margins = MarginLog()
    trained(margins)
    log = margins.array(16)
    most = max(map(len, visits.values()))
    assert {len(visits[sample]) for sample in INDICES.tolist()} == {5, 6}  # 28 visits of five samples
    assert (log.dtype, log.shape) == (np.float16, (16, most))
    for sample, expected in visits.items():
        np.testing.assert_allclose(log[sample, : len(expected)], expected, rtol=2e-3, atol=1e-3)
        assert np.isnan(log[sample, len(expected) :]).all()


def test_training_with_a_log_gives_the_same_weights_to_the_last_bit():
    with_log, without = trained(MarginLog()), trained()
    tiny.assert_same_weights(with_log, without, tolerance=0)
    assert not with_log._forward_hooks


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([], np.empty((3, 0))),
        ([([1], [[2.0, 5.0]], [1])], [[math.nan], [3.0], [math.nan]]),
        (
            [([2, 0], [[1.0, 4.0], [7.0, 1.0]], [0, 0]), ([2], [[9.0, 1.0]], [0])],
            [[6, math.nan], [math.nan] * 2, [-3, 8]],
        ),
    ],
)
def test_margins_worked_out_by_hand(batches, expected):
    log, network = MarginLog(), nn.Identity()
    log.watch(network)
    for samples, logits, labels in batches:
        network(torch.tensor(logits))
        log.record(torch.tensor(samples), torch.tensor(labels))
    np.testing.assert_array_equal(log.array(3), expected)


def test_what_is_no_margin_is_not_kept():
    log, network = MarginLog(), nn.Identity()
    handle, labels = log.watch(network), torch.tensor([0, 1])
    for output in (
        (torch.ones(2, 2), 1),
        torch.ones(3, 2),
        torch.ones(2),
    ):  # two outputs, other samples, no logits
        network(output)
        log.record(labels, labels)
    network(torch.ones(2, 2))
    log.record(labels, labels)
    log.record(labels, labels)  # of a step for which the model was not asked
    handle.remove()
    network(torch.ones(2, 2))
    log.record(labels, labels)
    assert log.array(2).tolist() == [[0.0], [0.0]]
