"""CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test photographs of 32x32 pixels, ten classes."""

from redress.adversary.pool import Pool
from redress.formats.description import Description
from redress.plugins.datasets._torchvision import load_cifar

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def describe(*, data_root: str = "data") -> Description:
    """`data_root` is the folder in which torchvision finds the data, or to which it downloads them."""
    return Description(CLASSES, [5000] * 10, [1000] * 10, channels=3, image_size=32)


def load(*, data_root: str = "data") -> Pool:
    from torchvision.datasets import CIFAR10

    return load_cifar(CIFAR10, data_root, "CIFAR-10", CLASSES)
