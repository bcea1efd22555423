"""What can be known of a dataset before anything of it is loaded."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Description:
    """What can be known of a dataset without loading its images."""

    classes: list[str]
    train_per_class: list[int]
    test_per_class: list[int]
    channels: int
    image_size: int  # pixels, images are square
    fingerprint: str = ""  # changes when the images may have changed
