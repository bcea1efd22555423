"""Made-up cases for the judge, whose candidates do what they are told to."""

import io

import numpy as np
from PIL import Image

from redress.formats.correction import Check
from redress.judge import Candidate, Case, Outcome, Settings, judge
from redress.judge.budget import LeftOut
from redress.judge.writing import write
from redress.report.correction import About, Correction, Suspect

CLASSES, FOLDS, V = 4, 5, 400
VALIDATION = np.arange(V) % CLASSES


def case(m=60, **changes):
    """Bad samples i of the class i mod 4, labelled as the class after it; fold i mod 5."""
    true = np.arange(m) % CLASSES
    told = {
        "ids": tuple(f"bad {i}" for i in range(m)),
        "classes": ("cat", "dog", "cow", "hen"),
        "validation_labels": VALIDATION,
        "trusted": True,
        "bad_given": (true + 1) % CLASSES,
        "bad_true": true,
        "fold": np.arange(m) % FOLDS,
    }
    return Case(**{**told, **changes})


def model(the_case, healed, ruined=0.0, wrong=0.0):
    """Right about the first `healed` of the bad samples, ruined on the last, else as labelled; shares."""
    true, m = np.arange(the_case.m) % CLASSES, the_case.m
    bad = np.where(np.arange(m) < round(healed * m), true, (true + 1) % CLASSES)
    bad = np.where(np.arange(m) >= round((1 - ruined) * m), (true + 2) % CLASSES, bad)
    validation = np.where(np.arange(V) < round(wrong * V), (VALIDATION + 1) % CLASSES, VALIDATION)
    return Outcome(validation, bad)


def candidate(the_case, method, healed, seconds=1.0, folds=FOLDS, in_sample=None, **fate):
    whole = model(the_case, healed if in_sample is None else in_sample, **fate)
    held = model(the_case, healed, **fate)
    return Candidate(method, {"steps": 3}, seconds, whole, dict.fromkeys(range(folds), held))


def leave(name):
    """Write what a judgement among four candidates leaves behind; returns case, candidates and judgement."""
    the_case = case(100)
    own = [
        candidate(the_case, "npo", 0.9, 2),
        candidate(the_case, "eu", 0.3, 9),
        candidate(the_case, "ssd", 1.0, 1, wrong=0.3),
        Candidate("cf", {}, 1, Outcome(np.empty(0), np.empty(0), True)),
    ]
    original = model(the_case, 0.0)
    told = judge(the_case, original, own, Settings())
    left_out = [LeftOut("scrub", {"alpha": i}, "not run: it would take about 3 minutes") for i in range(3)]
    write(name, the_case, original, own, told, Settings(), left_out)
    picture = io.BytesIO()
    Image.new("L", (16, 16), 90).save(picture, "PNG")
    about = About(
        name,
        {"commit": "1234", "weights": "sha256 " + 64 * "0"},
        [Check("Accuracy <reproduced>", True, "91 %")],
        [Suspect("a folder/x/1.png", picture.getvalue(), "given: cat")] * 9,
        left_out=left_out,
        loading="model.load_state_dict(...)",
        command="snakemake correct --configfile mine.yaml",
    )
    Correction(the_case, original, own, told, Settings(), about).write()
    return the_case, own, told
