"""Methods of 2024 and after, and their baselines, each against a loop written down a second time."""

import copy
import dataclasses
import inspect
import math
from functools import partial

import numpy as np
import pytest
import tiny
import torch
from scipy.stats import norm
from torch import nn

from redress.developer import training
from redress.developer.flushing import preference
from redress.developer.margins import MarginLog
from redress.developer.task import Training
from redress.formats.errors import BadInputError
from redress.plugins.methods import (
    ascent,
    cf,
    ct,
    delete,
    eu,
    flush_repair,
    l1_sparse,
    msg,
    neggrad_plus,
    npo,
    potion,
    random_relabel,
    rem,
    salun,
    sap,
    sfron,
    sift,
    skim,
)
from redress.plugins.originals import etd

SIZE = tiny.RECIPE.batch_size


def ce(logits, labels):
    """Cross-entropy of every sample, from its definition."""
    return -(logits.exp() / logits.exp().sum(1, keepdim=True)).log()[torch.arange(len(labels)), labels]


def share_as_given(network, samples, look=nn.Module.__call__):
    data, network = tiny.data(), copy.deepcopy(network).eval()
    return (look(network, data.images[samples]).argmax(1) == data.labels[samples]).float().mean().item()


def climbed_by_hand(steps, loss, stop_at=0.2, peak=0.005):
    """Passes over S_f on `loss` of (logits, labels, images), while more than `stop_at` of it is as given."""
    task, network = tiny.task(), tiny.original()
    sgd, batches = tiny.SGD(network, steps, peak), task.generator("batches")
    while share_as_given(network, tiny.DELETION) > stop_at and sgd.done < steps:
        for _, images, labels in tiny.one_pass(tiny.data(), tiny.DELETION, SIZE, batches):
            if sgd.done < steps:
                sgd.step(loss(network(images), labels, images))
    return network, sgd.done


@pytest.mark.parametrize("stop_at", [-1.0, 0.2, 0.9])
def test_ascent_climbs_until_what_is_known_is_forgotten_or_its_steps_are_done(stop_at):
    by_hand, steps = climbed_by_hand(20, lambda logits, labels, _: -ce(logits, labels).mean(), stop_at)
    tiny.assert_same_weights(ascent.unlearn(tiny.task(), steps=20, stop_at=stop_at), by_hand, 1e-4)
    assert steps == (20 if stop_at < 0 else steps % 20)


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_npo_follows_its_definition(beta):
    before = tiny.original()

    def loss(logits, labels, images):
        with torch.no_grad():
            reference = ce(before(images), labels)
        return -(2 / beta * torch.sigmoid(beta * (ce(logits, labels) - reference)).log()).mean()

    by_hand, _ = climbed_by_hand(12, loss, stop_at=-1)
    tiny.assert_same_weights(npo.unlearn(tiny.task(), beta=beta, steps=12, stop_at=-1), by_hand, 1e-4)


def test_npos_weight_of_a_sample_falls_as_it_is_forgotten():
    """The gradient with respect to CE is -2 sigmoid(-beta (CE - CE_o)): -1 at the start, towards 0 later."""
    images, labels = tiny.data().images[:4], tiny.data().labels[:4]
    teacher = tiny.original()
    reference = teacher(images).detach()
    start = reference.clone().requires_grad_()
    (first,) = torch.autograd.grad(-preference(start, reference, labels, 1.0).mean(), start)
    (plain,) = torch.autograd.grad(-ce(start, labels).mean(), start)
    torch.testing.assert_close(first, plain)
    forgotten = torch.zeros(4, tiny.CLASSES).scatter(1, labels[:, None], -30.0).requires_grad_()
    (later,) = torch.autograd.grad(-preference(forgotten, reference, labels, 1.0).mean(), forgotten)
    assert later.abs().max() < 1e-9


@pytest.mark.parametrize("retain", ["plain", "bounded"])
def test_npos_repair_keeps_the_rest_better_than_none(retain):
    def loss_on_the_rest(network):
        data, rest = tiny.data(), tiny.task().retain
        return ce(network.eval()(data.images[rest]), data.labels[rest]).mean().item()

    options = {"steps": 40, "stop_at": -1, "learning_rate": 0.02}
    bare = npo.unlearn(tiny.task(), **options)
    kept = npo.unlearn(tiny.task(), retain=retain, **options)
    assert loss_on_the_rest(kept) < loss_on_the_rest(bare)


def test_delete_distils_what_the_original_says_without_the_given_label():
    task, before = tiny.task(), tiny.original()

    def loss(logits, labels, images, _):
        with torch.no_grad():
            taught = before(images).softmax(1)
            taught[torch.arange(len(labels)), labels] = 0
            taught = taught / taught.sum(1, keepdim=True)
        learnt = logits.softmax(1).log()
        terms = torch.where(taught > 0, taught * (taught.clamp(min=1e-30).log() - learnt), 0)
        return terms.sum(1).mean()

    network = tiny.original()
    sgd = tiny.SGD(network, 9, 0.005, decay=0)
    batches = tiny.endless_batches(tiny.data(), task.deletion, SIZE, task.generator("batches"))
    for _ in range(9):
        indices, images, labels = next(batches)
        sgd.step(loss(network(images), labels, images, indices))
    tiny.assert_same_weights(delete.unlearn(tiny.task(), steps=9), network, 1e-5)


def test_neggrad_plus_weighs_both_sets_and_keeps_the_statistics():
    task, network, alpha = tiny.task(), tiny.original(), 0.9
    sgd = tiny.SGD(network, 10, 0.01, decay=0)
    network.eval()
    kept = tiny.endless_batches(tiny.data(), task.retain, SIZE, task.generator("retain"))
    known = tiny.endless_batches(tiny.data(), task.deletion, SIZE, task.generator("deletion"))
    for _ in range(10):
        (_, images, labels), (_, others, given) = next(kept), next(known)
        loss = alpha * ce(network(images), labels).mean() - (1 - alpha) * ce(network(others), given).mean()
        sgd.step(loss)
    result = neggrad_plus.unlearn(tiny.task(), alpha=alpha, steps=10)
    tiny.assert_same_weights(result, network, 1e-5)
    assert torch.equal(result[1].running_mean, tiny.original()[1].running_mean)


def bearing_by_hand(samples):
    """The mean over batches of squared gradients of M_o, and how often it is above 0."""
    data, network = tiny.data(), tiny.original().eval()
    squares = []
    for batch in torch.as_tensor(samples).split(SIZE):
        network.zero_grad()
        ce(network(data.images[batch]), data.labels[batch]).mean().backward()
        squares.append([theta.grad**2 for theta in network.parameters()])
    return [torch.stack(of_one).mean(0) for of_one in zip(*squares, strict=True)]


@pytest.mark.parametrize(("length", "threshold"), [(0.05, 1.0), (1e6, 0.3)])
def test_sfron_climbs_by_weights_that_s_f_bears_on_more_and_repairs_after_each_step(length, threshold):
    """Eleven steps: up and four down, twice, then one up; with and without a length that is cut to."""
    task, network, alpha, every, steps = tiny.task(), tiny.original(), 3.0, 4, 11
    pairs = zip(bearing_by_hand(tiny.DELETION), bearing_by_hand(task.retain), strict=True)
    masks = [one >= threshold * other for one, other in pairs]
    assert 0 < sum(int(mask.sum()) for mask in masks) < sum(mask.numel() for mask in masks)
    sgd = tiny.SGD(network, steps, 0.01)
    known = tiny.endless_batches(tiny.data(), task.deletion, SIZE, task.generator("deletion"))
    kept = tiny.endless_batches(tiny.data(), task.retain, SIZE, task.generator("retain"))
    while sgd.done < steps:
        _, images, labels = next(known)
        losses = ce(network(images), labels)
        weights = losses.detach() ** -0.5
        rate = alpha * (1 + math.cos(math.pi * sgd.done / steps)) / 2

        def masked():
            for theta, mask in zip(network.parameters(), masks, strict=True):
                theta.grad *= mask
            torch.nn.utils.clip_grad_norm_(network.parameters(), length)

        sgd.step(-rate * (weights / weights.sum() * losses).sum(), masked)
        for _ in range(min(every, steps - sgd.done)):
            _, images, labels = next(kept)
            sgd.step(ce(network(images), labels).mean())
    result = sfron.unlearn(
        tiny.task(), alpha=alpha, threshold=threshold, norm=length, every=every, steps=steps
    )
    tiny.assert_same_weights(result, network, 1e-5)


def test_random_relabelling_gives_known_samples_any_label_but_the_given_one(monkeypatch):
    seen = []

    def watched(logits, wanted):
        seen.append(wanted.tolist())
        return logits.sum()

    monkeypatch.setattr(random_relabel.functional, "cross_entropy", watched)
    batches = []
    monkeypatch.setattr(training, "train", lambda model, *_, loss, **more: batches.append(loss))
    random_relabel.unlearn(tiny.task())
    (loss,) = batches
    data, everyone = tiny.data(), torch.arange(16)
    for _ in range(200):
        loss(tiny.original(), data.images, data.labels, everyone)
    drawn, given = torch.tensor(seen), data.labels
    known = torch.zeros(16, dtype=torch.bool)
    known[tiny.DELETION] = True
    assert (drawn[:, ~known] == given[~known]).all()
    shift = (drawn[:, known] - given[known]) % tiny.CLASSES
    assert set(shift.unique().tolist()) == {1, 2}
    assert abs((shift == 1).float().mean().item() - 0.5) < 0.06  # 1,000 draws: four standard deviations


def test_random_relabelling_trains_on_everything_from_the_original():
    changed = random_relabel.unlearn(tiny.task(), steps=20)
    again = random_relabel.unlearn(tiny.task(), steps=20)
    tiny.assert_same_weights(changed, again, tolerance=0)
    assert tiny.differ(changed, tiny.original())


def test_l1_sparse_is_fine_tuning_with_a_falling_price_of_weights():
    task, network, gamma, steps = tiny.task(), tiny.original(), 0.01, 15
    sgd = tiny.SGD(network, steps)
    batches = tiny.endless_batches(tiny.data(), task.retain, SIZE, task.generator("batches"))
    for step in range(steps):
        _, images, labels = next(batches)
        size = torch.cat([theta.flatten() for theta in network.parameters()]).abs().sum()
        sgd.step(ce(network(images), labels).mean() + gamma * (1 - step / steps) * size)
    tiny.assert_same_weights(l1_sparse.unlearn(tiny.task(), gamma=gamma, steps=steps), network, 1e-5)


def preferred(logits, reference, labels, beta=1.0):
    """NPO's expression of each sample, from its definition."""
    return 2 / beta * torch.sigmoid(beta * (ce(logits, labels) - ce(reference, labels))).log()


class ConstantSGD(tiny.SGD):
    """SGD whose learning rate stays at its peak."""

    def step(self, loss):
        self.optimiser.param_groups[0]["lr"] = self.peak
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()


def rounds_by_hand(network, flushed, repaired, samples, steps, peak, stop_at, look=nn.Module.__call__):
    """Flush, repair, and keep the best round. Losses take (images, labels, indices)."""
    task, data = tiny.task(), tiny.data()
    sgd = ConstantSGD(network, steps, peak)
    flushes, repairs = task.generator("flush"), task.generator("repair")

    def judged():
        known = share_as_given(network, task.deletion, look)
        return share_as_given(network, task.retain, look) * (1 - max(known, 0.2))

    kept, history, left = tiny.weights(network), [judged()], steps
    while left:
        for _ in range(100):
            if share_as_given(network, task.deletion, look) <= stop_at:
                break
            for indices, images, labels in tiny.one_pass(data, tiny.DELETION, SIZE, flushes):
                sgd.step(flushed(images, labels, indices))
        for indices, images, labels in tiny.one_pass(data, samples, SIZE, repairs):
            if left:
                sgd.step(repaired(images, labels, indices))
                left -= 1
        if judged() > max(history):
            kept = tiny.weights(network)
        history.append(judged())
    network.load_state_dict(kept)
    return network, history


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_flush_and_repair_follows_its_definition(beta):
    teacher, network = tiny.original(), tiny.original()

    def repaired(images, labels, _):
        return preferred(network(images), teacher(images).detach(), labels, beta).mean()

    by_hand, history = rounds_by_hand(
        network, lambda *seen: -repaired(*seen), repaired, tiny.task().retain, 11, 0.03, 0.1
    )
    found = flush_repair.unlearn(tiny.task(), beta=beta, steps=11, learning_rate=0.03, stop_at=0.1)
    tiny.assert_same_weights(found, by_hand, 1e-4)
    assert max(history) > history[0], "a case in which nothing is learnt shows nothing"


def gated(network, images, masks):
    """The tiny network with its four channels multiplied by `masks` (B, 4) after batch norm."""
    normalised = network[1](network[0](images)) * masks[:, :, None, None]
    return network[4](network[3](network[2](normalised)))


def memory_masks(share, samples):
    """Two channels for all; of the other two, those that a sample draws."""
    draws = torch.rand(16, 2, generator=torch.Generator().manual_seed(0)) < share
    return torch.cat([torch.ones(len(samples), 2), draws[torch.as_tensor(samples)].float()], 1)


def test_example_tied_dropout_leaves_a_network_without_memory():
    """What `etd` returns computes what the trained network does with its memory channels off."""
    data, batches = tiny.data(), torch.Generator().manual_seed(5)
    log = MarginLog()
    training = Training(
        data.training_set, torch.arange(16), tiny.RECIPE, torch.device("cpu"), tiny.model, batches, log
    )
    made = etd.make(training, fixed=0.5, share=0.3)
    network, sgd = tiny.model(), tiny.SGD(tiny.model(), 30)
    sgd = tiny.SGD(network, 30)
    endless = tiny.endless_batches(data, torch.arange(16), SIZE, torch.Generator().manual_seed(5))
    for _ in range(30):
        indices, images, labels = next(endless)
        sgd.step(ce(gated(network, images, memory_masks(0.3, indices)), labels).mean())
    off = torch.cat([torch.ones(16, 2), torch.zeros(16, 2)], 1)
    expected = gated(network.eval(), data.images, off)
    torch.testing.assert_close(made.eval()(data.images), expected, rtol=1e-4, atol=1e-4)
    assert not made[1]._forward_hooks
    assert log.array(16).shape[1] >= 7, "margins are logged through the gates"


def test_rem_moves_what_is_manipulated_into_memory_that_is_off():
    closed = tiny.original()
    closed[1].weight.data[2:] = closed[1].bias.data[2:] = 0
    network, teacher = copy.deepcopy(closed), copy.deepcopy(closed)
    network[1].weight.data[2:] = 1
    off = torch.tensor([1.0, 1, 0, 0])
    whose = torch.arange(16)
    whose[tiny.DELETION] = 0

    def flushed(images, labels, _):
        logits = gated(network, images, off.expand(len(labels), 4))
        return -preferred(logits, teacher(images).detach(), labels).mean()

    def repaired(images, labels, indices):
        reference = teacher(images).detach()
        off_for_all = gated(network, images, off.expand(len(labels), 4))
        kept = preferred(gated(network, images, memory_masks(0.5, whose[indices])), reference, labels)
        known = torch.tensor([index in tiny.DELETION for index in indices])
        return (kept - torch.where(known, preferred(off_for_all, reference, labels), 0)).mean()

    def look(network, images):
        return gated(network, images, off.expand(len(images), 4))

    everyone = torch.arange(16)
    by_hand, history = rounds_by_hand(network, flushed, repaired, everyone, 12, 0.03, 0.1, look)
    by_hand[1].weight.data[2:] = by_hand[1].bias.data[2:] = 0
    task = tiny.task(original=copy.deepcopy(closed))
    found = rem.unlearn(task, share=0.5, steps=12, learning_rate=0.03, stop_at=0.1)
    tiny.assert_same_weights(found, by_hand, 1e-4)
    assert max(history) > history[0]


def xlf_by_hand(samples):
    network, data = tiny.original(), tiny.data()
    parts = torch.as_tensor(samples).split(SIZE)
    total = 0.0
    for part in parts:
        network.zero_grad()
        (network(data.images[part]) ** 2).sum(1).sqrt().mean().backward()
        total += torch.cat([theta.grad.abs().flatten() for theta in network.parameters()]) / len(parts)
    return total.double().numpy()


@pytest.mark.parametrize("rho", [0.5, 0.01, 0.99])
def test_potion_damps_ever_more_weights_until_s_f_is_forgotten(rho):
    task = tiny.task()
    forget, retain = xlf_by_hand(task.deletion), xlf_by_hand(task.retain)
    flat = torch.cat([theta.detach().flatten() for theta in tiny.original().parameters()]).numpy()
    start, strength = share_as_given(tiny.original(), tiny.DELETION), 5 / 16 / 25
    for _ in range(500):
        cut = np.percentile(forget / retain, 100 - np.log(1 + 100 * strength))
        damped = np.where(forget > cut * retain, flat * np.minimum(1, retain / forget), flat)
        network = tiny.original()
        torch.nn.utils.vector_to_parameters(torch.tensor(damped).float(), network.parameters())
        if share_as_given(network, tiny.DELETION) <= rho * start:
            break
        strength *= 1.1
    assert rho == 0.99 or strength > 5 / 16 / 25, "a case without a search shows little"
    tiny.assert_same_weights(potion.unlearn(tiny.task(), rho=rho), network, 1e-4)


def test_salun_changes_the_weights_that_s_f_bears_on_most_and_no_others():
    before, data = tiny.original(), tiny.data()
    ce(before(data.images[tiny.DELETION]), data.labels[tiny.DELETION]).sum().backward()
    sizes = torch.cat([theta.grad.abs().flatten() for theta in before.parameters()])
    after = salun.unlearn(
        tiny.task(recipe=dataclasses.replace(tiny.RECIPE, batch_size=8)), share=0.25, steps=6
    )
    pairs = zip(after.parameters(), before.parameters(), strict=True)
    changed = torch.cat([(a != b).flatten() for a, b in pairs])
    assert int(changed.sum()) == len(sizes) // 4
    assert sizes[changed].min() >= sizes[~changed].max()


def test_salun_of_all_weights_is_random_relabelling_at_its_learning_rate():
    recipe = dataclasses.replace(tiny.RECIPE, learning_rate=0.013)
    plain = random_relabel.unlearn(tiny.task(recipe=recipe), steps=9)
    tiny.assert_same_weights(salun.unlearn(tiny.task(), share=1.0, steps=9), plain, 1e-6)


@pytest.mark.parametrize("method", [eu, cf])
def test_only_the_last_layers_learn(method):
    """Of the tiny network: k = 1 is the head, k = 2 everything, for batch norm stands between the two."""
    before = tiny.original()
    head = method.unlearn(tiny.task(), k=1)
    task = tiny.task()
    features = nn.Sequential(*before[:4])
    fresh = tiny.model(task.seed)[4] if method is eu else tiny.original()[4]
    steps = 30 if method is eu else 1000
    sgd = tiny.SGD(fresh, steps)
    batches = tiny.endless_batches(tiny.data(), task.retain, SIZE, task.generator("batches"))
    for _ in range(steps):
        _, images, labels = next(batches)
        sgd.step(ce(fresh(features(images).detach()), labels).mean())
    tiny.assert_same_weights(head[4], fresh, 1e-4)
    for at in (0, 1):
        tiny.assert_same_weights(head[at], before[at], tolerance=0)
    tiny.assert_same_weights(method.unlearn(tiny.task(), k=2), method.unlearn(tiny.task()), tolerance=1e-6)
    with pytest.raises(BadInputError, match="k is 3, but the network has 2 layers"):
        method.unlearn(tiny.task(), k=3)


def unfolded(images):
    """Every 3x3 patch of (B, 1, 6, 6) as a row."""
    return torch.stack(
        [one[0, i : i + 3, j : j + 3].flatten() for one in images for i in range(4) for j in range(4)]
    )


def projected(weight, columns, alpha):
    """A layer's weight (outputs, features) after SAP, by the singular values of `columns`."""
    directions, values, _ = torch.linalg.svd(columns.T.double(), full_matrices=False)
    r = values**2 / (values**2).sum()
    scaled = torch.diag(alpha * r / ((alpha - 1) * r + 1))
    return (weight.double() @ directions @ scaled @ directions.T).float()


def test_sap_projects_every_layer_onto_trusted_samples():
    task, before, data, alpha = tiny.task(), tiny.original(), tiny.data(), 30.0
    losses = ce(before(data.images), data.labels)
    trusted = []
    for c in range(tiny.CLASSES):
        own = [int(i) for i in task.retain if data.labels[i] == c]
        trusted += sorted(own, key=lambda i: losses[i].item())[:2]  # 4 // 3 + 1
    images = data.images[trusted]
    found = sap.unlearn(task, alpha=alpha, trusted=4)
    head_inputs = nn.Sequential(*before[:4])(images).detach()
    expected = projected(before[0].weight.detach().flatten(1), unfolded(images), alpha)
    torch.testing.assert_close(found[0].weight.flatten(1), expected, rtol=1e-3, atol=1e-4)
    expected = projected(before[4].weight.detach(), head_inputs, alpha)
    torch.testing.assert_close(found[4].weight, expected, rtol=1e-3, atol=1e-4)
    tiny.assert_same_weights(found[1], before[1], tolerance=0)
    assert torch.equal(found[4].bias, before[4].bias)


def test_curvature_is_that_of_a_quadratic():
    """Of 1/2 sum a_i x_i^2 the gradient changes by h a_i v_i: the norm is h |a| whatever the signs."""

    class Quadratic(nn.Module):
        def forward(self, images):
            half = (images.flatten(1) ** 2 * torch.arange(36.0)).sum(1) / 2
            return torch.stack([torch.zeros_like(half), half, half], 1)

    def exact(logits, labels, reduction):
        return logits[:, 1].sum()

    task = tiny.task(original=Quadratic())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sap.functional, "cross_entropy", exact)
        found = torch.cat(list(sap._curvature(task)))
    expected = 10 * 1e-3 * torch.arange(36.0).norm()
    torch.testing.assert_close(found, expected.expand(len(found)), rtol=2e-2, atol=0)


def fine_tuned_by_hand(network, steps, prepare=lambda: None):
    """A on the retain set; `prepare` changes gradients before each step."""
    task = tiny.task()
    sgd = tiny.SGD(network, steps)
    batches = tiny.endless_batches(tiny.data(), task.retain, SIZE, task.generator("batches"))
    step = sgd.optimiser.step
    sgd.optimiser.step = lambda: (prepare(), step())
    for _ in range(steps):
        _, images, labels = next(batches)
        sgd.step(ce(network(images), labels).mean())
    return network


def test_ct_transposes_kernels_and_fine_tunes():
    network = tiny.original()
    network[0].weight.data = network[0].weight.data.permute(0, 1, 3, 2).clone()
    tiny.assert_same_weights(ct.unlearn(tiny.task(), steps=7), fine_tuned_by_hand(network, 7), 1e-5)


def test_msg_renews_the_weights_of_small_gradients_and_damps_the_others():
    task, network, data = tiny.task(), tiny.original(), tiny.data()
    order = torch.randperm(len(task.retain), generator=task.generator("retain", "subset"))[:5]

    def gradient(samples):
        network.zero_grad()
        for part in samples.split(SIZE):
            ce(network(data.images[part]), data.labels[part]).mean().backward()
        return network[0].weight.grad.clone()

    size = (gradient(task.retain[order]) - gradient(task.deletion)).abs()
    renewed = size <= size.flatten().sort().values[round(0.3 * 36) - 1]
    new = torch.randn(4, 1, 3, 3, generator=task.generator("initialisation")) * (2 / (4 * 9)) ** 0.5
    network[0].weight.data = torch.where(renewed, new, network[0].weight.data)

    def damp():
        network[0].weight.grad *= torch.where(renewed, 1, 0.1)

    assert int(renewed.sum()) == 11
    found = msg.unlearn(tiny.task(), steps=7)
    tiny.assert_same_weights(found, fine_tuned_by_hand(network, 7, damp), 1e-4)


def test_sifts_odds_by_margins_are_those_of_two_normal_laws():
    margins = np.array([-4.0, -2.0, -3.0, 2.0, 3.0, 4.0, 1.0, -1.0])
    found, kept = np.arange(3), np.arange(8) >= 3
    deviation = ((margins[:3].var() + margins[3:].var()) / 2) ** 0.5
    laws = [norm(part.mean(), deviation) for part in (margins[:3], margins[3:])]
    expected = (laws[0].logpdf(margins) - laws[1].logpdf(margins)).clip(-8, 8)
    assert sift._log_odds_by(margins, found, kept) == pytest.approx(expected, abs=1e-4)
    assert not sift._log_odds_by(-margins, found, kept).any()


@pytest.mark.parametrize("by", ["both", "likeness", "margins"])
def test_sift_trains_once_on_what_is_not_aside_and_never_on_s_f(by, monkeypatch):
    trained = []

    def watched(descent, model, training_set, kept, recipe, batches, *, until):
        trained.append((until, set(kept.tolist())))
        return training.descend(descent, model, training_set, kept, recipe, batches, until=until)

    monkeypatch.setattr(sift, "descend", watched)
    sift.unlearn(tiny.task(), layer=1, by=by)
    assert [until for until, _ in trained] == [3, 6, 9, 15, 20, 30]  # of the recipe's 30 steps
    assert not any(kept & set(tiny.DELETION) for _, kept in trained)
    if by == "likeness":
        assert len({frozenset(kept) for _, kept in trained}) == 1
    if by == "margins":
        assert trained[0][1] == set(range(16)) - set(tiny.DELETION)


@pytest.mark.parametrize("lost", [True, False])
def test_sift_corrects_what_likeness_says_by_what_margins_say_if_s_f_is_lost(lost, monkeypatch):
    """Likeness points at clean samples and has missed wrong ones; the student says which are which."""
    wrong, innocent = set(range(0, 60, 5)), {1, 22, 43}
    found = [0, 5, 10, 15]
    odds = np.full(60, -4.0)
    odds[[*innocent]], odds[found] = 1.0, 30.0
    margins = np.random.default_rng(0).normal(6, 1, 60)
    margins[[*wrong]] -= 12
    if not lost:  # the manipulation is still there: what S_f shows is predicted as given
        margins[found] = 9
    kept = []
    monkeypatch.setattr(sift, "log_odds", lambda evidence, layer: odds)
    monkeypatch.setattr(sift, "margins_of", lambda *_: margins)
    monkeypatch.setattr(sift, "descend", lambda *args, until: kept.append(set(args[3].tolist())))
    labels = torch.arange(60) % 3
    sift.unlearn(tiny.task(tiny.Data(tiny.random_images(60, seed=1), labels), found))
    assert kept[0] == set(range(60)) - innocent - set(found)
    assert kept[-1] == (set(range(60)) - wrong if lost else kept[0])


@pytest.mark.parametrize("half", [0.0, 0.5])
def test_skim_flushes_and_repairs_what_looks_like_s_f_until_every_class_is_there(half, monkeypatch):
    missed, beta, rate = [3, 9], 0.7, 0.4
    monkeypatch.setattr(skim, "HALF", half)
    monkeypatch.setattr(skim, "log_odds", lambda evidence, layer: evidence.features(1))
    monkeypatch.setattr(skim, "set_aside", lambda *_: np.isin(np.arange(16), [*tiny.DELETION, *missed]))
    task, network = tiny.task(), tiny.original()
    aside = torch.tensor(sorted([*tiny.DELETION, *missed]))
    rest = torch.tensor([index for index in range(16) if index not in aside])
    logits = tiny.original()(tiny.data().images).detach()
    before, as_given = ce(logits, tiny.data().labels), logits.argmax(1) == tiny.data().labels
    learnt = aside[as_given[aside]]
    assert 0 < len(learnt) < len(aside), "a case in which M_o tells nothing apart shows nothing"
    sgd, batches, flushes = ConstantSGD(network, None, rate), task.generator("batches"), []

    def step(sign, indices, images, labels):
        risen = ce(network(images), labels) - before[indices]
        sgd.step(sign * (2 / beta) * (1 / (1 + torch.exp(-beta * risen))).log().mean())

    def flush():
        flushes.append(0)
        while share_as_given(network, learnt) > 0.1:
            flushes[-1] += 1
            for seen in tiny.one_pass(tiny.data(), learnt, SIZE, batches):
                step(-1, *seen)

    def kept():
        labels = tiny.data().labels
        others = [rest[as_given[rest] & (labels[rest] == label)] for label in {*labels[aside].tolist()}]
        return min(share_as_given(network, own) for own in others if len(own))

    flush()
    while len(flushes) == 1 or kept() < half:
        for seen in tiny.one_pass(tiny.data(), rest, SIZE, batches):
            step(1, *seen)
        flush()
    monkeypatch.setattr(skim, "LEARNT", 0.1)
    found = skim.unlearn(tiny.task(), beta=beta, rounds=20, learning_rate=rate, stop_at=0.1)
    tiny.assert_same_weights(found, network, 1e-4)
    assert flushes[0], "a case in which nothing is flushed shows nothing"
    assert (len(flushes) > 2) == (half > 0)


def test_skim_leaves_a_model_alone_that_has_not_learnt_what_was_found():
    wrong = tiny.data().labels.clone()
    said = tiny.original()(tiny.data().images).argmax(1)
    few, most = tiny.DELETION[:2], tiny.DELETION[2:]
    wrong[few], wrong[most] = said[few], (said[most] + 1) % tiny.CLASSES
    found = skim.unlearn(tiny.task(tiny.Data(tiny.data().images, wrong)), learning_rate=1.0)
    tiny.assert_same_weights(found, tiny.original(), 0)


EVERY = [
    *(ascent, npo, flush_repair, rem, delete, neggrad_plus, random_relabel, salun, l1_sparse, ct, msg),
    *(
        potion,
        partial(sift.unlearn, layer=1),
        skim,
        partial(sap.unlearn, alpha=30.0),
        partial(sap.unlearn, alpha=30.0, trusted_by="curvature"),
    ),
]


@pytest.mark.parametrize("method", EVERY)
def test_a_method_leaves_the_training_set_alone_and_repeats_itself(method):
    unlearn = getattr(method, "unlearn", method)
    options = {"steps": 5} if "steps" in inspect.signature(unlearn).parameters else {}
    task = tiny.task()
    labels = copy.deepcopy(task.training_set.labels)
    first = unlearn(task, **options)
    assert torch.equal(task.training_set.labels, labels)
    tiny.assert_same_weights(first, unlearn(tiny.task(), **options), tolerance=0)
