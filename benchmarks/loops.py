"""Benchmarks of model code: training and evaluation against plain loops, and what they must cost."""

import argparse
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import plain
import torch
from images import Data
from torch.utils.flop_counter import FlopCounterMode

from models import resnet9, wideresnet
from redress.evaluation import BATCH
from redress.recipe import Recipe
from redress.training import Descent, autocast, task_loss, train

WARM_UP = 3  # steps
WIDTHS = {"ResNet-9": 64, "ResNet-9 of width 8": 8}

Result = dict[str, Any]


def floor(options: argparse.Namespace, data: Data) -> Result:
    """Multiply-adds of the networks by PyTorch's own counter, and the bytes a step has to move."""
    networks = {
        "ResNet-9": lambda: resnet9.build(3, 10),
        "ResNet-9 of width 8": lambda: resnet9.build(3, 10, width=8),
        "WRN-28-10": lambda: wideresnet.build(3, 100),
    }
    result: Result = {}
    for name, build in networks.items():
        with torch.device("meta"):
            network = build()
            images = torch.empty(1, 3, 32, 32)
        with FlopCounterMode(display=False) as forward:
            network(images)
        with FlopCounterMode(display=False) as both:
            network(images).sum().backward()
        result[name] = {
            "parameters": sum(p.numel() for p in network.parameters()),
            "forward_mmac_per_image": forward.get_total_flops() / 2e6,
            "training_mmac_per_image": both.get_total_flops() / 2e6,
            "uint8_kb_per_batch_of_512": 512 * images.numel() / 1e3,
        }
    return result


def training_step(options: argparse.Namespace, data: Data) -> Result:
    """A training step against a plain loop with the same network, batch size and schedule."""
    recipe = Recipe(steps=100_000, batch_size=options.batch_size)
    images, labels = data.arrays["train_images"], data.arrays["train_labels"]
    result: Result = {"batch_size": recipe.batch_size}
    for name, width in WIDTHS.items():
        model = plain.network(resnet9.build(3, 10, width=width))
        loop = plain.train(model, images, labels, data.statistics, recipe, data.device, options.workers)
        theirs = seconds_per_step(loop, options.seconds)
        ours = seconds_per_step(our_steps(data, width, recipe), options.seconds)
        result[name] = {
            "plain_images_per_second": recipe.batch_size / theirs,
            "redress_images_per_second": recipe.batch_size / ours,
            "ratio": theirs / ours,
        }
    return result


def our_steps(data: Data, width: int, recipe: Recipe) -> Iterator[float]:
    """The steps of `redress.training.train`, each waited for: seconds since the start of the first."""
    model = resnet9.build(3, 10, width=width).to(data.device, memory_format=torch.channels_last)
    training_set, descent = data.training_set(recipe), Descent(model, recipe, recipe.steps)
    generator = torch.Generator().manual_seed(0)
    started = time.perf_counter()
    for indices, images, labels in training_set.stream(data.samples(), recipe.batch_size, generator):
        with autocast(data.device, recipe):
            loss = task_loss(model, images, labels, indices)
        descent.step(loss, len(indices))
        loss.item()
        yield time.perf_counter() - started


def seconds_per_step(ends: Iterator[float], budget: float) -> float:
    """Median over the steps that end within `budget` seconds, the first ones left out."""
    seen: list[float] = []
    for end in ends:
        seen.append(end)
        if len(seen) > 2 * WARM_UP and end > budget:
            break
    return statistics.median(np.diff(seen[WARM_UP:]).tolist())


def whole_training(options: argparse.Namespace, data: Data) -> Result:
    """The paper's 4,000 steps of ResNet-9 and 6,000 of WRN-28-10, as train.py runs them. GPU only."""
    if data.device.type != "cuda":
        return {"skipped": "takes hours on a CPU"}
    result: Result = {}
    builds = {"ResNet-9": (resnet9.build, 4000), "WRN-28-10": (wideresnet.build, 6000)}
    for name, (build, steps) in builds.items():
        recipe = Recipe(steps=steps)
        training_set = data.training_set(recipe)
        model = build(3, 10).to(data.device, memory_format=torch.channels_last)
        started = time.perf_counter()
        generator = torch.Generator().manual_seed(0)
        train(model, training_set, data.samples(), recipe, steps=steps, generator=generator)
        torch.cuda.synchronize()
        result[name] = {"steps": steps, "seconds": time.perf_counter() - started}
    return result


def evaluation(options: argparse.Namespace, data: Data) -> Result:
    """One pass over the test images against a plain loop."""
    images = data.arrays["test_images"]
    waiting = torch.tensor(images, device=data.device).contiguous(memory_format=torch.channels_last)
    result: Result = {"images": len(images)}
    for name, width in WIDTHS.items():
        model = resnet9.build(3, 10, width=width)
        started = time.perf_counter()
        slow = plain.network(resnet9.build(3, 10, width=width))
        slow.load_state_dict(model.state_dict())
        expected = plain.predict(
            slow, images, data.statistics, options.batch_size, data.device, options.workers
        )
        theirs = time.perf_counter() - started
        model.eval().to(data.device, memory_format=torch.channels_last)
        started = time.perf_counter()
        with torch.inference_mode(), autocast(data.device, Recipe(steps=1)):
            batches = map(data.normalise, waiting.split(BATCH[data.device.type]))
            predicted = torch.cat([model(batch).argmax(1) for batch in batches]).cpu().numpy()
        ours = time.perf_counter() - started
        result[name] = {
            "plain_seconds": theirs,
            "redress_seconds": ours,
            "ratio": theirs / ours,
            "same_predictions": float((predicted == expected).mean()),
        }
    return result


def accuracy(options: argparse.Namespace, data: Data) -> Result:
    """Validation accuracy after the same training by both loops, over several seeds."""
    if "source" not in data.about:
        return {"skipped": "noise cannot be learnt: give real images with --data"}
    recipe = Recipe(steps=options.accuracy_steps, batch_size=64)
    images, labels = data.arrays["train_images"], data.arrays["train_labels"]
    asked, answers = data.arrays["validation_images"], data.arrays["validation_labels"]
    training_set = data.training_set(recipe)
    theirs, ours = [], []
    for seed in range(options.accuracy_seeds):
        torch.manual_seed(seed)
        model = plain.network(resnet9.build(3, 10, width=8))
        for _ in plain.train(model, images, labels, data.statistics, recipe, data.device, options.workers):
            pass
        predicted = plain.predict(model, asked, data.statistics, 500, data.device, 0)
        theirs.append(float((predicted == answers).mean()))
        torch.manual_seed(seed)
        model = resnet9.build(3, 10, width=8).to(data.device, memory_format=torch.channels_last)
        generator = torch.Generator().manual_seed(seed)
        train(model, training_set, data.samples(), recipe, steps=recipe.steps, generator=generator)
        with torch.inference_mode(), autocast(data.device, recipe):
            logits = model.eval()(data.normalise(torch.tensor(asked, device=data.device)))
        ours.append(float((logits.argmax(1).cpu().numpy() == answers).mean()))
    differences = np.subtract(ours, theirs)
    half = 1.96 * differences.std(ddof=1) / len(differences) ** 0.5
    return {
        "network": "ResNet-9 of width 8",
        "steps": recipe.steps,
        "plain_float32": theirs,
        "redress": ours,
        "mean_difference": float(differences.mean()),
        "interval_95_percent": [float(differences.mean() - half), float(differences.mean() + half)],
    }
