"""scikit-learn's 1,797 handwritten digits (Alpaydin and Kaynak 1998), embedded in the library: no download.

8x8 images of 17 grey levels, enlarged to 16x16; 1,200 for training, 597 for validation and test.
"""

import numpy as np

from redress.adversary.pool import Pool
from redress.formats.description import Description

TRAIN = 1200
SPLIT_SEED = 0
TRAIN_PER_CLASS = [119, 122, 118, 122, 121, 122, 121, 119, 116, 120]
TEST_PER_CLASS = [59, 60, 59, 61, 60, 60, 60, 60, 58, 60]
IMAGE_SIZE = 16


def describe() -> Description:
    classes = [str(digit) for digit in range(10)]
    return Description(classes, TRAIN_PER_CLASS, TEST_PER_CLASS, channels=1, image_size=IMAGE_SIZE)


def load() -> Pool:
    from PIL import Image
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    small = np.round(digits.images * (255 / 16)).astype(np.uint8)
    images = np.stack(
        [
            np.asarray(Image.fromarray(image).resize((IMAGE_SIZE,) * 2, Image.Resampling.BILINEAR))
            for image in small
        ]
    )[:, None]
    labels = digits.target.astype(np.int64)
    train, test = train_test_split(
        np.arange(len(labels)), train_size=TRAIN, stratify=labels, random_state=SPLIT_SEED
    )
    return Pool(images[train], labels[train], images[test], labels[test], describe().classes)
