"""Damage, swap and edit what a finished run has left, and run again: no table may quietly differ.

`python tests/hostile.py --rounds 200 --seed 0`. A round is a copy of a tiny finished project, one or two acts
of harm drawn at random, and then what a user does: snakemake, and whatever command it tells them.
"""

import argparse
import copy
import os
import random
import re
import shlex
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from project import TINY, Project

COSTS = ("seconds", "speedup", "memory", "device")  # columns that hold what was measured, and may differ
COMMANDS = 6  # that a user follows before giving up
REBUILD = re.compile(r"(results/\S+): [^\n]*?; delete it and rebuild it with: (snakemake --cores 1 .*)")
PRODUCTS = ("results/tables", "results/figures", "results/report.html")

Act = Callable[["Round"], str]


def config(steps: int = 12) -> dict:
    """Two original models, two methods, two deletion sets."""
    small = copy.deepcopy(TINY)
    small["datasets"]["digits"]["recipe"]["steps"] = steps
    small["methods"] = {name: small["methods"][name] for name in ("cf", "ssd")}
    return small


def tables(project: Project) -> list[pd.DataFrame]:
    """What may not differ, without columns of costs."""
    folder = project.folder / "results/tables"
    found = [pd.read_csv(folder / f"{name}.csv") for name in ("candidates", "selected", "summary")]
    if "measure" in found[-1]:
        found[-1] = found[-1][~found[-1]["measure"].str.contains("|".join(COSTS))].reset_index(drop=True)
    return [
        table.drop(columns=[column for column in table if any(word in column for word in COSTS)])
        for table in found
    ]


class Round:
    """One copy of the finished project, to be harmed."""

    def __init__(self, project: Project, stranger: Project, draw: random.Random):
        self.project, self.stranger, self.random = project, stranger, draw
        self.results = project.folder / "results"

    def files(self, *endings: str, below: str = "") -> list[Path]:
        found = (self.results / below).rglob("*") if below else self.results.rglob("*")
        return sorted(
            path
            for path in found
            if path.is_file() and "logs" not in path.parts and (not endings or path.suffix in endings)
        )

    def any_file(self, *endings: str, below: str = "") -> Path:
        return self.random.choice(self.files(*endings, below=below))

    def name(self, path: Path) -> str:
        return str(path.relative_to(self.project.folder))

    def write(self, path: Path, content: bytes) -> None:
        """Half of the time with the old time stamp, as a disk or a careful copy does it."""
        before = path.stat()
        path.write_bytes(content)
        if self.random.random() < 0.5:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flip(here: Round) -> str:
    path = here.any_file()
    content = bytearray(path.read_bytes())
    if content:
        at = here.random.randrange(len(content))
        content[at] ^= 1 << here.random.randrange(8)
    here.write(path, bytes(content))
    return f"a bit of {here.name(path)}"


def cut(here: Round) -> str:
    path = here.any_file()
    content = path.read_bytes()
    here.write(path, content[: here.random.randrange(len(content) + 1)])
    return f"the end of {here.name(path)}"


def empty(here: Round) -> str:
    path = here.any_file()
    here.write(path, b"")
    return f"all of {here.name(path)}"


def delete(here: Round) -> str:
    path = here.any_file()
    path.unlink()
    return f"the file {here.name(path)}"


def edit_table(here: Round) -> str:
    path = here.any_file(".csv")
    text = path.read_text()
    digits = [at for at, letter in enumerate(text) if letter.isdigit()]
    at = here.random.choice(digits)
    here.write(path, f"{text[:at]}{(int(text[at]) + 1) % 10}{text[at + 1 :]}".encode())
    return f"a digit of {here.name(path)}"


def drop_rows(here: Round) -> str:
    path = here.any_file(".csv")
    lines = path.read_text().splitlines(keepends=True)
    here.write(path, "".join(lines[: max(1, 2 * len(lines) // 3)]).encode())
    return f"a third of {here.name(path)}"


def other_separator(here: Round) -> str:
    path = here.any_file(".csv")
    here.write(path, path.read_text().replace(",", ";").encode())
    return f"the commas of {here.name(path)}"


def swap(here: Round) -> str:
    first = here.any_file(".safetensors", ".json", below="runs")
    second = here.random.choice([one for one in here.files(first.suffix, below="runs") if one != first])
    contents = first.read_bytes(), second.read_bytes()
    here.write(first, contents[1])
    here.write(second, contents[0])
    return f"{here.name(first)} and {here.name(second)} exchanged"


def copy_over(here: Round) -> str:
    first = here.any_file(".safetensors", ".json", below="runs")
    second = here.random.choice([one for one in here.files(first.suffix, below="runs") if one != first])
    here.write(second, first.read_bytes())
    return f"{here.name(first)} in the place of {here.name(second)}"


def transplant(here: Round) -> str:
    """Files of a run with another recipe."""
    count = here.random.choice([1, 1, 3, 10])
    taken = [here.any_file(".safetensors", ".json") for _ in range(count)]
    for path in taken:
        theirs = here.stranger.folder / path.relative_to(here.project.folder)
        if theirs.is_file():
            here.write(path, theirs.read_bytes())
    return f"{count} files of another recipe, such as {here.name(taken[0])}"


def forget(here: Round) -> str:
    shutil.rmtree(here.project.folder / ".snakemake", ignore_errors=True)
    return "Snakemake's records"


def forget_and_transplant(here: Round) -> str:
    """An original model of another recipe with everything around it, and no records."""
    forget(here)
    folder = here.random.choice(sorted({path.parent for path in here.files(".safetensors", below="runs")}))
    for path in sorted(folder.glob("*.*")):
        theirs = here.stranger.folder / path.relative_to(here.project.folder)
        if path.is_file() and theirs.is_file():
            here.write(path, theirs.read_bytes())
    return f"records gone, {here.name(folder)} of another recipe"


def forget_and_edit(here: Round) -> str:
    """A config that was changed, run, and changed back while the records were lost."""
    forget(here)
    here.project.configure(config(steps=13))
    done = here.project.run("snakemake", "--cores", "2", "--until", "train")
    forget(here)
    here.project.configure(config())
    return f"records gone and M_o of another recipe (exit code {done.returncode})"


def a_folder_instead(here: Round) -> str:
    path = here.any_file(".safetensors", ".json", ".csv")
    path.unlink()
    path.mkdir()
    return f"a folder called {here.name(path)}"


def time_travel(here: Round) -> str:
    for path in here.random.choices(here.files(), k=5):
        moment = 1_600_000_000 + here.random.randrange(100_000_000)
        os.utime(path, (moment, moment))
    return "time stamps"


def no_seals(here: Round) -> str:
    for folder in sorted(here.results.rglob(".seals")):
        if here.random.random() < 0.7:
            shutil.rmtree(folder)
    return "seals"


ACTS: tuple[Act, ...] = (
    flip,
    cut,
    empty,
    delete,
    edit_table,
    drop_rows,
    other_separator,
    swap,
    copy_over,
    transplant,
    forget,
    forget_and_transplant,
    forget_and_edit,
    a_folder_instead,
    time_travel,
    no_seals,
)


class Siege:
    """Rounds over one finished project."""

    def __init__(self, folder: Path, seed: int):
        self.folder, self.random = folder, random.Random(seed)
        self.finished = Project.copy(folder / "finished")
        self.stranger = Project.copy(folder / "stranger")
        self.counts: Counter[str] = Counter()
        self.differences: list[str] = []

    def prepare(self) -> None:
        for project, steps in ((self.finished, 12), (self.stranger, 13)):
            project.configure(config(steps))
            project.snakemake()
        self.expected = tables(self.finished)

    def run(self, rounds: int) -> None:
        self.prepare()
        for number in range(rounds):
            place = self.folder / "round"
            here = Round(self.finished.duplicate(place), self.stranger, self.random)
            acts = self.random.choices(ACTS, k=self.random.choice([1, 1, 2]))
            harm = []
            for act in acts:
                self.counts[f"act: {act.__name__}"] += 1
                harm.append(act(here))
            told = ("--forcerun", "measure") if self.random.random() < 0.3 else ()
            outcome = self.outcome(here.project, told)
            self.counts[outcome] += 1
            if outcome.startswith("WRONG"):
                self.differences.append(f"round {number}: {'; '.join(harm)} {' '.join(told)}: {outcome}")
                print(self.differences[-1], flush=True)
            shutil.rmtree(place)

    def outcome(self, project: Project, told: tuple[str, ...]) -> str:
        """How a user ends who follows the commands that Redress prints."""
        commands = 0
        while True:
            done = project.run("snakemake", "--cores", "2", *told)
            text = done.stdout + done.stderr
            if done.returncode == 0:
                break
            found = REBUILD.findall(text)
            if not found:
                return f"loud, no command: {self.last_line(text)}"
            if commands >= COMMANDS:
                return "loud, and its commands do not help"
            for path, command in dict(found).items():
                commands += 1
                damaged = project.folder / path
                if damaged.is_dir():
                    shutil.rmtree(damaged)
                damaged.unlink(missing_ok=True)
                project.run(*shlex.split(command))
        ways = "mended by its commands" if commands else "mended or unharmed at once"
        if not self.as_expected(project):
            return f"WRONG: tables differ, exit code 0 ({ways})"
        if not all((project.folder / product).exists() for product in PRODUCTS):
            return f"WRONG: a product is missing, exit code 0 ({ways})"
        return ways

    def as_expected(self, project: Project) -> bool:
        try:
            return all(
                mine.equals(theirs) for mine, theirs in zip(tables(project), self.expected, strict=True)
            )
        except (OSError, ValueError, KeyError):
            return False

    @staticmethod
    def last_line(text: str) -> str:
        lines = [line for line in text.splitlines() if "rror" in line]
        return lines[-1][:160] if lines else "nothing said"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        siege = Siege(Path(folder), arguments.seed)
        siege.run(arguments.rounds)
    print(f"{arguments.rounds} rounds, {len(siege.differences)} quiet differences")
    for what, count in sorted(siege.counts.items()):
        print(f"{count:5} {what}")
    raise SystemExit(bool(siege.differences))


if __name__ == "__main__":
    main()
