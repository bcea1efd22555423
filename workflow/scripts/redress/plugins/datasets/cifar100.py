"""CIFAR-100 (Krizhevsky 2009): 50,000 training and 10,000 test photographs of 32x32 pixels, 100 classes."""

from redress.adversary.pool import Pool
from redress.formats.description import Description
from redress.plugins.datasets._torchvision import load_cifar

NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard
lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark
shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone
television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
CLASSES = NAMES.split()


def describe(*, data_root: str = "data") -> Description:
    """`data_root` is the folder in which torchvision finds the data, or to which it downloads them."""
    return Description(CLASSES, [500] * 100, [100] * 100, channels=3, image_size=32)


def load(*, data_root: str = "data") -> Pool:
    from torchvision.datasets import CIFAR100

    return load_cifar(CIFAR100, data_root, "CIFAR-100", CLASSES)
