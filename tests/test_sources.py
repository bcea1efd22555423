"""A job runs again when code that it uses has another meaning, and for no other reason."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from redress.formats.errors import BadInputError
from redress.plan import sources
from redress.plan.sources import SCRIPTS, closure, details, fingerprint

TRAINING = ["redress/plugins/models/resnet9.py"]
RULES = [f"redress/plugins/selections/{name}.py" for name in ("constraint", "equal_weight", "healed_known")]
MEASURES = ["redress/plugins/measures/developer.py"]
BROUGHT = ["redress/plugins/models/_brought.py"]
JOBS = {
    "prepare.py": ["redress/plugins/datasets/digits.py"],
    "manipulate.py": ["redress/plugins/manipulations/interclass.py"],
    "examples.py": ["redress/plugins/manipulations/poison.py"],
    "train.py": [*TRAINING, "redress/plugins/originals/standard.py"],
    "discover.py": ["redress/plugins/discoveries/uniform.py"],
    "withhold.py": [],
    "expand.py": TRAINING,
    "importance.py": [*TRAINING, "redress/plugins/importances/fisher_batch.py"],
    "unlearn.py": [*TRAINING, "redress/plugins/methods/scrub.py"],
    "save_model.py": [*TRAINING, "redress/plugins/methods/ssd.py"],
    "bound.py": [*TRAINING, "redress/plugins/bounds/never_manipulated.py"],
    "selection.py": [*MEASURES, *RULES[:1]],
    "measure.py": [*MEASURES, *RULES, "redress/plugins/measures/referee.py", "redress/referee/rankings.py"],
    "suspects.py": [],
    "calibrate.py": [*MEASURES, *RULES[:1]],
    "ingest.py": [],
    "folds.py": [],
    "probe.py": BROUGHT,
    "check.py": [],
    "afford.py": [],
    "shortlist.py": [],
    "choose.py": [],
    "list_suspects.py": BROUGHT,
    "plant.py": ["redress/plugins/manipulations/like_bad.py"],
    "rehearse.py": [],
    "judge.py": [],
    "repair.py": [*BROUGHT, "redress/plugins/methods/npo.py"],
    "collect.py": [],
    "summarise.py": [],
    "plot.py": [],
    "page.py": [],
}
"""Every script and files that it loads by name."""

# Import the files of one job after the other, and say which files of the project each one loaded.
IMPORT = """
import importlib, json, sys
from pathlib import Path
root = Path(sys.argv[1])
sys.path.insert(0, str(root))
loaded = {}
for script, plugins in json.loads(sys.argv[2]).items():
    ours = lambda: {
        name: Path(module.__file__) for name, module in sys.modules.items()
        if getattr(module, "__file__", None) and root in Path(module.__file__).parents
    }
    for name in ours():
        del sys.modules[name]
    for file in [script, *plugins]:
        importlib.import_module(file.removesuffix(".py").replace("/", "."))
    loaded[script] = sorted(str(path.relative_to(root)) for path in ours().values())
print(json.dumps(loaded))
"""


def names_in_closure(*files):
    return {path.relative_to(sources.SCRIPTS).as_posix() for path in closure(*files)}


@pytest.fixture(scope="module")
def really_imported():
    command = [sys.executable, "-c", IMPORT, str(SCRIPTS), json.dumps(JOBS)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_every_script_of_the_project_is_looked_at():
    assert set(JOBS) == {path.name for path in SCRIPTS.glob("*.py")}


@pytest.mark.parametrize("script", JOBS)
def test_the_closure_holds_every_file_that_is_really_imported(really_imported, script):
    assert {script, "redress/formats/errors.py"} <= set(really_imported[script])
    assert set(really_imported[script]) <= names_in_closure(script, *JOBS[script])


@pytest.mark.parametrize("script", JOBS)
def test_the_closure_holds_nothing_that_is_not_imported(really_imported, script):
    assert names_in_closure(script, *JOBS[script]) <= set(really_imported[script])


@pytest.mark.parametrize("method", ["badt", "cf", "eu", "scrub", "ssd"])
def test_a_methods_file_is_in_its_own_jobs_only(method):
    own = names_in_closure("unlearn.py", f"redress/plugins/methods/{method}.py")
    methods = {name for name in own if name.startswith("redress/plugins/methods/")}
    assert methods == {f"redress/plugins/methods/{name}.py" for name in ("__init__", method)}


@pytest.mark.parametrize(
    ("script", "rooms"),
    [
        ("manipulate.py", ["developer", "referee", "report", "plan"]),
        ("train.py", ["adversary", "referee", "report", "plan"]),
        ("unlearn.py", ["adversary", "referee", "report", "plan"]),
        ("selection.py", ["adversary", "referee", "report", "plan"]),
        ("measure.py", ["developer", "report", "plan"]),
        ("bound.py", ["adversary", "referee", "report", "plan"]),
    ],
)
def test_a_job_does_not_run_again_for_code_of_other_rooms(script, rooms):
    found = names_in_closure(script, *JOBS[script])
    assert [name for name in found for room in rooms if name.startswith(f"redress/{room}/")] == []


# In small made-up trees

TREE = {
    "train.py": "from redress.developer import training\n",
    "redress/__init__.py": "",
    "redress/developer/__init__.py": '"""The room."""\n',
    "redress/developer/training.py": '"""Training."""\n\nfrom redress.formats.files import save\n',
    "redress/formats/__init__.py": "",
    "redress/formats/files.py": "import json\nimport numpy as np\n\n\ndef save():\n    return json\n",
    "redress/formats/seeds.py": "SEED = 1\n",
    "redress/plugins/__init__.py": "",
    "redress/plugins/models/__init__.py": "",
    "redress/plugins/models/_celu.py": "class CELU:\n    pass\n",
    "redress/plugins/methods/__init__.py": "",
    "redress/plugins/methods/_helper.py": "def f():\n    return 1\n",
    "redress/plugins/methods/cf.py": "def unlearn(task):\n    return task\n",
}
METHOD = "redress/plugins/methods/cf.py"
ROOM = {"train.py", "redress/__init__.py", "redress/developer/__init__.py", "redress/developer/training.py"}
FORMATS = {"redress/formats/__init__.py", "redress/formats/files.py"}
PACKAGES = {"redress/__init__.py", "redress/plugins/__init__.py", "redress/plugins/methods/__init__.py"}
HELPER = {"redress/plugins/methods/_helper.py"}
CELU = {"redress/plugins/models/__init__.py", "redress/plugins/models/_celu.py"}


def forget():
    """What a new process would not know."""
    for thing in vars(sources).values():
        if hasattr(thing, "cache_clear"):
            thing.cache_clear()


@pytest.fixture
def scripts(monkeypatch, tmp_path):
    """A folder with TREE in it, in place of workflow/scripts."""
    monkeypatch.setattr(sources, "SCRIPTS", tmp_path)
    for name, text in TREE.items():
        write(tmp_path / name, text)
    yield tmp_path
    forget()


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    forget()


def test_imports_are_followed_with_the_packages_above_them(scripts):
    assert names_in_closure("train.py") == ROOM | FORMATS
    assert closure("train.py", "train.py") == sorted(set(closure("train.py")))


@pytest.mark.parametrize(
    ("line", "added"),
    [
        ("from ._helper import f", HELPER),
        ("from . import _helper", HELPER),
        ("from . import unlearn", set()),
        ("from ..models._celu import CELU", CELU),
        ("from ..models import _celu as c", CELU),
        ("from ...formats.files import save", FORMATS),
        ("import torch.nn, redress.formats.files as files", FORMATS),
        ("from redress.formats import *", {"redress/formats/__init__.py"}),
        ("from .... import train", set()),  # beyond the outermost package: Python refuses it
        ("from __future__ import annotations", set()),
        ("def g():\n    try:\n        pass\n    finally:\n        from . import _helper", HELPER),
        ("match 1:\n    case _:\n        if 1:\n            from ._helper import f", HELPER),
    ],
)
def test_every_form_of_import_is_followed(scripts, line, added):
    write(scripts / METHOD, f"{line}\n")
    assert names_in_closure(METHOD) == {METHOD} | PACKAGES | added


def test_data_beside_a_plugin_counts(scripts):
    folder = scripts / "redress/plugins/methods"
    for name in (
        "classes.csv",
        "weights.bin",
        ".hidden",
        "cf.py~",
        "#cf.py#",
        "__pycache__/cf.pyc",
        "in/deep.csv",
    ):
        write(folder / name, "1")
    write(scripts / "redress/plugins/outer.csv", "1")
    write(scripts / "redress/formats/table.csv", "1")
    write(scripts / "redress/plugins/models/table.csv", "1")
    data = {"redress/plugins/methods/classes.csv", "redress/plugins/methods/weights.bin"}
    assert names_in_closure(METHOD, "train.py") == {METHOD} | PACKAGES | ROOM | FORMATS | data

    before = fingerprint(METHOD)
    write(folder / "weights.bin", b"\xff")
    assert fingerprint(METHOD) != before
    # What it imports from another folder may read the data there.
    write(scripts / METHOD, "from ..models._celu import CELU\n")
    assert "redress/plugins/models/table.csv" in names_in_closure(METHOD)


def test_an_absent_file_is_named(scripts):
    with pytest.raises(BadInputError, match=r"there is no redress/plugins/methods/no\.py"):
        closure("train.py", "redress/plugins/methods/no.py")


SAME = [
    # a file, and others that mean the same
    (
        "def f(a):\n    return a + 1\n",
        [
            "# a comment\ndef f(a):  # another\n\n\n    return (a+1)",
            '"""A module."""\n\ndef f(a):\n    """A function."""\n    return a + 1\n',
            "def f(\n    a,\n):\n    return a + 1\n",
            "\N{BYTE ORDER MARK}def f(a):\r\n    return a + 1\r\n",
        ],
    ),
    (
        "class A(B):\n    pass\n",
        ['class A(B):\n    """A class."""\n', 'class A(B):\n    """A class."""\n\n    pass\n'],
    ),
    ("", ['"""A module."""\n', "# nothing\n"]),
    ("class A:\n    size: int\n", ['class A:\n    size: int\n    """In pixels."""\n']),
    (
        "async def f():\n    if a:\n        b()\n",
        ["async def f():\n    'doc'\n    if a:\n        b()\n    'end'\n"],
    ),
    ("x = 'a' 'b'\n", ['x = "ab"\n']),
]
OTHER = [
    ("x = 'text'\n", "x = 'Text'\n"),
    ("def f(a):\n    return a\n", "def f(b):\n    return b\n"),
    ("def f(a: int = 1): ...\n", "def f(a: int = 2): ...\n"),
    ("f('text')\n", "f()\n"),
    ("x = 1\n", "x = 1.0\n"),
    ("x = 1\n", "x = True\n"),
    ("if a:\n    b()\nc()\n", "if a:\n    b()\n    c()\n"),
    ("f'{a()}'\n", ""),
]


def fingerprint_of(scripts, text):
    write(scripts / "train.py", text)
    return fingerprint("train.py")


@pytest.mark.parametrize(("text", "others"), SAME)
def test_comments_docstrings_and_layout_change_nothing(scripts, text, others):
    assert {fingerprint_of(scripts, other) for other in others} == {fingerprint_of(scripts, text)}


@pytest.mark.parametrize(("text", "other"), OTHER)
def test_another_meaning_is_another_fingerprint(scripts, text, other):
    assert fingerprint_of(scripts, text) != fingerprint_of(scripts, other)


def test_a_fingerprint_changes_with_the_files_it_stands_for_and_no_others(scripts):
    before, of_method = fingerprint("train.py"), fingerprint(METHOD)
    write(scripts / "redress/formats/seeds.py", "SEED = 2\n")
    assert fingerprint("train.py") == before
    write(scripts / "redress/formats/files.py", "def save():\n    return 0\n")
    assert fingerprint("train.py") != before
    assert fingerprint(METHOD) == of_method
    # The same code under another name
    write(scripts / "redress/plugins/methods/other.py", TREE[METHOD])
    assert fingerprint("redress/plugins/methods/other.py") != of_method


def test_a_fingerprint_is_short_and_does_not_depend_on_where_the_project_is(scripts, monkeypatch, tmp_path):
    before = fingerprint("train.py", METHOD)
    assert len(before) == 16
    assert fingerprint(METHOD, "train.py", METHOD) == before
    elsewhere = tmp_path / "elsewhere"
    for name, text in TREE.items():
        write(elsewhere / name, text)
    monkeypatch.setattr(sources, "SCRIPTS", elsewhere)
    assert fingerprint("train.py", METHOD) == before


def test_details_name_the_file_that_has_changed(scripts):
    before = details("train.py")
    write(scripts / "redress/developer/training.py", TREE["redress/developer/training.py"] + "RATE = 0.1\n")
    (changed,) = set(details("train.py")) - set(before)
    assert changed.startswith("redress/developer/training.py@")
    assert len(details("train.py")) == len(before) == len(ROOM | FORMATS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"x = 1\n\ndef f(:\n", "line 3: "),
        (b"# one\n# two\nx = '\xe9'\n", "line 3: is not UTF-8"),
        (b"x = 1\n\0\n", "line 2: holds a null byte"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(scripts, content, words):
    write(scripts / METHOD, content)
    with pytest.raises(BadInputError) as caught:
        fingerprint("train.py", METHOD)
    assert str(caught.value).startswith(f"{METHOD}, {words}")
    assert "\n" not in str(caught.value)


def test_another_process_finds_the_same(scripts):
    code = "from redress.plan.sources import fingerprint; print(fingerprint('collect.py'))"
    command = [sys.executable, "-c", code]
    seeds = [{"PYTHONPATH": str(SCRIPTS), "PYTHONHASHSEED": seed} for seed in ("1", "2")]
    said = {
        subprocess.run(command, check=True, capture_output=True, text=True, env=seed, cwd=Path("/")).stdout
        for seed in seeds
    }
    assert len(said) == 1
