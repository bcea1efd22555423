"""Kill runs at random moments and start them again: the tables that come out are an uninterrupted run's.

`python tests/kills.py --kills 30 --seed 0`. Linux only: processes are found in /proc.
"""

import argparse
import copy
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import pandas as pd
from project import TINY, Project

LATEST = 8.0  # seconds after the first job's start or, for a group, after its own: while it plans, too
PATIENCE = 120.0  # seconds for a run to end that nobody kills
LINGER = 10.0  # seconds for what a killed run leaves to end
TIMINGS = ["unlearn_seconds", "preparation_seconds", "peak_memory_mb"]
TARGETS = ("snakemake", "job", "group")


def config() -> dict:
    """One original model, two methods, two deletion sets."""
    small = copy.deepcopy(TINY)
    del small["datasets"]["digits"]["manipulations"]["interclass"]
    small["methods"] = {name: small["methods"][name] for name in ("cf", "ssd")}
    return small


def stat(process: int) -> list[str]:
    """State, parent and so on of a process; its name, which may hold anything, is left out."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["X", "0"]


def command_line(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
    except OSError:
        return ""


def processes() -> list[int]:
    alive = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [process for process in alive if stat(process)[0] not in "XZ"]


def descendants(ancestor: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for process in processes():
        children.setdefault(int(stat(process)[1]), []).append(process)
    found, waiting = [], [ancestor]
    while waiting:
        waiting += (below := children.get(waiting.pop(), []))
        found += below
    return found


def job_processes(snakemake: int) -> dict[int, str]:
    """Those that run a script or wait for the one that does, and which of the two it is."""
    found = {}
    for process in descendants(snakemake):
        line, parent = command_line(process), int(stat(process)[1])
        if "preloaded.py --serve" in line:
            if parent != snakemake:  # else it is the server itself
                found[process] = "fork"
        elif line.startswith("python "):
            found[process] = "client" if "preloaded.py" in line else "script"
    return found


def working_in(folder: Path) -> list[int]:
    """Processes whose working folder is `folder` or below."""
    found = []
    for process in processes():
        try:
            where = Path(f"/proc/{process}/cwd").readlink()
        except OSError:
            continue
        if where.is_relative_to(folder):
            found.append(process)
    return found


def tables(project: Project) -> list[pd.DataFrame]:
    folder = project.folder / "results/tables"
    return [pd.read_csv(folder / f"{name}.csv").drop(columns=TIMINGS) for name in ("candidates", "selected")]


def assert_same_tables(project: Project, other: Project) -> None:
    for mine, theirs in zip(tables(project), tables(other), strict=True):
        pd.testing.assert_frame_equal(mine, theirs, check_exact=True)


class Siege:
    """One folder in which runs are started and killed."""

    def __init__(self, folder: Path, seed: int):
        self.random = random.Random(seed)
        self.reference = Project.copy(folder / "uninterrupted")
        self.project = Project.copy(folder / "killed")
        self.temporary = folder / "tmp"
        self.output = folder / "output"
        self.temporary.mkdir()
        self.counts: Counter[str] = Counter()
        self.left_behind: list[str] = []

    def start(self) -> subprocess.Popen:
        with self.output.open("w") as output:
            return self.project.start(
                *("snakemake", "--cores", "2"),
                env={**self.project.environment, "TMPDIR": str(self.temporary)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def unlocked(self) -> subprocess.Popen:
        """A new run, after what a user has to do for it to start."""
        self.counts["starts"] += 1
        if list((self.project.folder / ".snakemake/locks").glob("*")):
            refused = self.start()
            assert refused.wait(PATIENCE) == 1
            assert "--unlock" in self.output.read_text(), self.output.read_text()
            self.project.snakemake("--unlock")
            self.counts["unlocks"] += 1
        if working_in(self.project.folder):
            self.counts["starts beside processes of a killed run"] += 1
        return self.start()

    def completed(self, run: subprocess.Popen) -> None:
        """A run that nobody killed: it must have succeeded, and its tables be the uninterrupted run's."""
        assert run.wait(PATIENCE) == 0, self.output.read_text()
        self.counts["completed"] += 1
        assert_same_tables(self.project, self.reference)

    def wait(self, run: subprocess.Popen, target: str) -> None:
        """Until it is time to kill; raises TimeoutExpired unless the run has ended by then."""
        while target != "group" and run.poll() is None and not job_processes(run.pid):
            time.sleep(0.1)
        run.wait(self.random.uniform(0, LATEST))

    def kill(self, run: subprocess.Popen, target: str) -> bool:
        """Whether there was anything to kill."""
        if target == "job":
            while not (jobs := job_processes(run.pid)):
                if run.poll() is not None:
                    return False
                time.sleep(0.01)
            victim = self.random.choice(sorted(jobs))
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                return False
            if run.wait(PATIENCE) == 0:  # the script had done its work already
                self.counts["jobs killed too late to matter"] += 1
            self.counts[f"killed: {jobs[victim]}"] += 1
            return True
        if run.poll() is not None:
            return False
        (os.kill if target == "snakemake" else os.killpg)(run.pid, signal.SIGKILL)
        run.wait()
        self.counts[f"killed: {target}"] += 1
        return True

    def temporary_files(self) -> list[str]:
        results = self.project.folder / "results"
        return [str(path.relative_to(results)) for path in results.rglob(".*") if path.is_file()]

    def assert_nothing_is_left(self) -> None:
        """Of processes and of the servers' folders."""
        end = time.monotonic() + LINGER
        while (left := working_in(self.project.folder)) or list(self.temporary.glob("redress-*")):
            assert time.monotonic() < end, [command_line(process) for process in left]
            time.sleep(0.1)

    def run(self, kills: int) -> None:
        for project in (self.reference, self.project):
            project.configure(config())
        self.reference.snakemake()
        done = 0
        while done < kills:
            run, target = self.unlocked(), TARGETS[done % len(TARGETS)]
            try:
                self.wait(run, target)
            except subprocess.TimeoutExpired:
                if self.kill(run, target):
                    done += 1
                    continue
            self.completed(run)
            self.left_behind += self.temporary_files()
            shutil.rmtree(self.project.folder / "results")
        self.assert_nothing_is_left()
        self.completed(self.unlocked())
        self.counts["jobs planned after the end"] = sum(self.project.planned().values())
        self.left_behind += self.temporary_files()
        self.assert_nothing_is_left()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        siege = Siege(Path(folder), arguments.seed)
        siege.run(arguments.kills)
    print(f"survived {arguments.kills} kills")
    for what, count in sorted(siege.counts.items()):
        print(f"{count:5} {what}")
    print(f"{len(siege.left_behind):5} temporary files in results:", *siege.left_behind)


if __name__ == "__main__":
    main()
