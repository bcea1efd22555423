"""The walls between the rooms: which may import which, and who may know what."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow/scripts"
PLUGINS = ("methods", "originals", "importances", "expansions", "models", "selections")

# Every arrow between two rooms. One more is a decision: draw it here.
ARROWS = {
    "formats": {"plugins"},
    "plugins": set(),
    "plan": {"formats", "plugins", "adversary", "brought"},
    "adversary": {"formats", "plugins"},
    "developer": {"formats", "plugins", "launch"},
    "brought": {"formats"},
    "judge": {"formats"},
    "referee": {"formats", "judge"},
    "report": {"formats", "judge", "referee"},
    "launch": {"formats"},
    "plugins/datasets": {"formats", "adversary"},
    "plugins/manipulations": {"formats", "adversary"},
    "plugins/discoveries": {"formats", "adversary"},
    "plugins/originals": {"formats", "developer"},
    "plugins/importances": {"formats", "developer"},
    "plugins/expansions": {"formats", "developer"},
    "plugins/methods": {"formats", "developer", "plugins/importances"},
    "plugins/models": {"formats", "plugins"},
    "plugins/measures": {"formats"},
    "plugins/bounds": {"formats"},
    "plugins/selections": {"formats"},
}


def imports(path):
    """Full names of all that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            packages = path.relative_to(SCRIPTS).parent.parts
            above = packages[: len(packages) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def file_of(module):
    """The project's file that a name stands for."""
    path = SCRIPTS.joinpath(*module.split("."))
    found = [one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file()]
    return found[0] if found else None


def reached(*files):
    """The project's files, and the names of other modules, that these files' imports lead to."""
    waiting, known, others = list(files), set(), set()
    while waiting:
        path = waiting.pop()
        if path not in known:
            known.add(path)
            for module in imports(path):
                file = file_of(module)
                waiting += [file] if file else []
                others |= set() if module.split(".")[0] == "redress" else {module.split(".")[0]}
    return known, others


def room(path):
    """`developer`, `plugins/methods`, ...; the package itself is no room."""
    parts = path.relative_to(SCRIPTS / "redress").parts[:-1]
    return "/".join(parts[:2]) if parts[:1] == ("plugins",) else "/".join(parts[:1])


def files_in(*rooms):
    found = [path for name in rooms for path in sorted((SCRIPTS / "redress" / name).glob("*.py"))]
    assert found
    return found


def rooms_reached(*files):
    return {room(path) for path in reached(*files)[0] if (SCRIPTS / "redress") in path.parents}


def test_the_drawing_has_all_rooms():
    rooms = {room(path) for path in (SCRIPTS / "redress").rglob("*.py")} - {""}
    assert rooms == set(ARROWS)


@pytest.mark.parametrize("name", ARROWS)
def test_a_room_imports_no_other_than_its_arrows_lead_to(name):
    found = {
        (path.name, room(file))
        for path in files_in(name)
        for module in imports(path)
        if (file := file_of(module)) and room(file) not in ("", name)
    }
    assert {where for _, where in found} <= ARROWS[name], found


DEVELOPERS = [
    SCRIPTS / f"{name}.py"
    for name in (
        *("train", "expand", "importance", "unlearn", "selection", "save_model"),
        *("probe", "repair", "list_suspects"),
    )
]


@pytest.mark.parametrize(
    "files",
    [
        *([path] for path in files_in("developer", *(f"plugins/{name}" for name in PLUGINS))),
        *([path] for path in DEVELOPERS),
    ],
    ids=lambda files: str(files[0].relative_to(SCRIPTS)),
)
def test_nothing_of_the_developers_reaches_the_truth(files):
    others = {"adversary", "brought", "judge", "referee", "report", "plan"}
    assert rooms_reached(*files).isdisjoint(others)


def test_no_file_of_the_developers_names_the_truth():
    for path in [*files_in("developer", *(f"plugins/{name}" for name in PLUGINS)), *DEVELOPERS]:
        taken = {name.rsplit(".", 1)[-1] for name in imports(path)}
        texts = {
            node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)
        }
        assert (taken | texts).isdisjoint({"Truth", "truth", "true_labels"}), path


def test_formats_reach_nothing_but_themselves():
    rooms = rooms_reached(*files_in("formats"))
    assert rooms <= {"", "formats", "plugins"}


def test_the_referee_and_the_report_reach_no_party_and_no_pytorch():
    for name in ("referee", "report"):
        assert rooms_reached(*files_in(name)).isdisjoint({"adversary", "developer"})
        assert "torch" not in reached(*files_in(name))[1]


def test_the_judge_reaches_no_party_and_no_pytorch():
    assert rooms_reached(*files_in("judge")) <= {"", "formats", "judge", "plugins"}
    assert "torch" not in reached(*files_in("judge"))[1]


def test_no_method_sees_what_the_judge_knows():
    own = [*files_in("developer", *(f"plugins/{name}" for name in PLUGINS)), *DEVELOPERS]
    assert "judge" not in rooms_reached(*own)
    for path in own:
        texts = {
            node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)
        }
        assert "case" not in texts, path  # the kind of file that holds it, see formats/identity.py


def test_planning_reaches_neither_developer_nor_referee_and_no_pytorch():
    rooms = rooms_reached(*files_in("plan"))
    assert rooms.isdisjoint({"developer", "judge", "referee", "report"})
    assert "torch" not in reached(*files_in("plan"))[1]


# What each of them loads by name beside what it imports.
LIGHT = {
    "measure": ("measures", "referee"),
    "selection": ("measures", "developer"),
    "collect": ("measures", "referee"),
    "discover": ("discoveries", "uniform"),
    "manipulate": ("manipulations", "poison"),
    "redress.plan.experiment": ("originals", "given"),
}


@pytest.mark.parametrize("script", LIGHT)
def test_light_jobs_never_import_pytorch(script):
    code = f"import sys, {script}; from redress.plugins import load; load{LIGHT[script]}"
    code += "; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
