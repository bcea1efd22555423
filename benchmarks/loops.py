"""Benchmarks of model code: training and evaluation against plain loops, and what they must cost."""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import plain
import torch
from images import Data, clean_training_set, noise
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from redress.developer.prediction import BATCH
from redress.developer.training import Descent, autocast, has_bfloat16, task_loss, train
from redress.developer.training_set import TrainingSet, normaliser
from redress.formats.recipe import Recipe
from redress.launch.preloaded import SERVER_ENVIRONMENT
from redress.plan.sources import SCRIPTS
from redress.plugins.models import resnet9, wideresnet

WARM_UP = 3  # steps
WIDTHS = {"ResNet-9": 64, "ResNet-9 of width 8": 8}
SHARE_WIDTHS = (64, 32, 16, 8)
DIGITS_WIDTH, DIGITS_SHAPE, DIGITS_BATCH = 8, (1200, 1, 16, 16), 48  # as in config.yaml
MATRIX_SIDES = (1024, 2048)
MATRIX_SECONDS = 2.0

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
        forward, both = flops_of(network, images)
        result[name] = {
            "parameters": sum(p.numel() for p in network.parameters()),
            "forward_mmac_per_image": forward / 2e6,
            "training_mmac_per_image": both / 2e6,
            "uint8_kb_per_batch_of_512": 512 * images.numel() / 1e3,
        }
    return result


def flops_of(network: nn.Module, images: torch.Tensor) -> tuple[int, int]:
    """Floating-point operations of a forward pass, and of one forward and backward, by PyTorch's counter."""
    with FlopCounterMode(display=False) as forward:
        network(images)
    with FlopCounterMode(display=False) as both:
        network(images).sum().backward()
    return forward.get_total_flops(), both.get_total_flops()


def peak(options: argparse.Namespace, data: Data) -> Result:
    """Training steps as a share of what the machine does in one matrix product with the same threads.

    In float32 and, where the hardware multiplies in it, in bfloat16. Everything in a step counts, but only
    the operations of convolutions and linear layers are counted as work.
    """
    result: Result = {"batch_size": options.batch_size, "threads": torch.get_num_threads()}
    for precision in ("float32", *(["bfloat16"] if has_bfloat16(data.device) else [])):
        most = matrix_peak(getattr(torch, precision), data.device)
        shares: Result = {"matrix_gflops": most / 1e9}
        recipe = Recipe(steps=1_000_000, batch_size=options.batch_size, precision=precision)
        for width in SHARE_WIDTHS:
            steps = our_steps(data, width, recipe)
            per_image = flops_per_image(width, 3, 32)
            shares[f"ResNet-9 of width {width}"] = share(steps, per_image * recipe.batch_size, options, most)
        digits = Recipe(
            steps=1_000_000, batch_size=DIGITS_BATCH, precision=precision, crop_padding=1, flip=False
        )
        images, labels = noise(DIGITS_SHAPE)
        ready = clean_training_set(images, labels, digits, normaliser([0.5], [0.3], data.device), data.device)
        model = resnet9.build(1, 10, width=DIGITS_WIDTH)
        steps = steps_of(model, ready, torch.arange(len(labels), device=data.device), digits)
        per_image = flops_per_image(DIGITS_WIDTH, 1, DIGITS_SHAPE[-1])
        shares["the digits' network"] = share(steps, per_image * DIGITS_BATCH, options, most)
        result[precision] = shares
    return result


def share(steps: Iterator[float], flops: float, options: argparse.Namespace, most: float) -> Result:
    """Milliseconds of a training step of `flops` operations, and its part of `most` a second."""
    seconds = seconds_per_step(steps, options.seconds)
    return {"milliseconds": 1e3 * seconds, "share_of_peak": flops / seconds / most}


PASSES = """
import sys, time, torch
from redress.plugins.models import resnet9
torch.set_num_threads(int(sys.argv[1]))
model = resnet9.build(1, 10, width=8).to(memory_format=torch.channels_last).eval()
images, seconds = torch.randn(500, 1, 16, 16), []
with torch.inference_mode():
    for _ in range(20):
        started = time.perf_counter()
        model(images)
        seconds.append(time.perf_counter() - started)
print(min(seconds))
"""


def allocation(options: argparse.Namespace, data: Data) -> Result:
    """A pass over 500 digits in fresh processes, with and without what preloaded jobs tell the allocator."""
    told = {name: value for name, value in SERVER_ENVIRONMENT.items() if name.startswith("MALLOC")}
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    command = [sys.executable, "-c", PASSES, str(options.threads)]
    found: dict[str, list[float]] = {"usual": [], "told": []}
    for _ in range(max(options.rounds, 3)):  # in turns, for other programs' load comes and goes
        for name, more in (("usual", {}), ("told", told)):
            done = subprocess.run(command, env=environment | more, capture_output=True, text=True, check=True)
            found[name].append(1e3 * float(done.stdout))
    return {
        **{f"{name}_milliseconds": values for name, values in found.items()},
        "ratio_of_the_least": min(found["usual"]) / min(found["told"]),
    }


def flops_per_image(width: int, channels: int, side: int) -> int:
    """Of a training step of ResNet-9 on one image."""
    with torch.device("meta"):
        return flops_of(resnet9.build(channels, 10, width=width), torch.empty(1, channels, side, side))[1]


def matrix_peak(dtype: torch.dtype, device: torch.device) -> float:
    """The most floating-point operations a second in a product of two square matrices."""
    most = 0.0
    for side in MATRIX_SIDES:
        left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        began = time.perf_counter()
        while time.perf_counter() - began < MATRIX_SECONDS:
            started = time.perf_counter()
            product = left @ right
            product[0, 0].item()  # a GPU is waited for
            most = max(most, 2 * side**3 / (time.perf_counter() - started))
    return most


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
    """The steps of Redress's own training of ResNet-9, as `steps_of` gives them."""
    return steps_of(resnet9.build(3, 10, width=width), data.training_set(recipe), data.samples(), recipe)


def steps_of(
    model: nn.Module, training_set: TrainingSet, samples: torch.Tensor, recipe: Recipe
) -> Iterator[float]:
    """The steps of `train`, each waited for: seconds since the start of the first."""
    model = model.to(samples.device, memory_format=torch.channels_last)
    descent = Descent(model, recipe, recipe.steps)
    generator = torch.Generator().manual_seed(0)
    started = time.perf_counter()
    for indices, images, labels in training_set.stream(samples, recipe.batch_size, generator):
        with autocast(samples.device, recipe):
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
