"""The shell around a job: its end, its time, and what its record says of code and command line."""

import os
import shlex
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "workflow/scripts"

SCRIPT = """
import json
import sys
sys.path.insert(0, {scripts!r})
from redress.launch.job import made_by, parser, run


def main(arguments):
    {does}


cli = parser("A script.")
cli.add_argument("--size", type=int)
run(main, cli)
"""


def done(folder, does, *arguments):
    (folder / "job.py").write_text(SCRIPT.format(scripts=str(SCRIPTS), does=does))
    return subprocess.run(
        [sys.executable, "job.py", *arguments], cwd=folder, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("code", ["0", "3", "'that is all'", ""])
def test_a_plugin_that_calls_sys_exit_does_not_pass_for_a_success(tmp_path, code):
    ended = done(tmp_path, f"sys.exit({code})")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: the job was ended by sys.exit({code or None})")
    assert "Traceback" not in ended.stderr


def test_a_job_that_takes_too_long_ends_with_an_error_in_the_middle_of_a_computation(tmp_path):
    ended = done(tmp_path, "while True: pass", "--time-limit", "0.01")
    assert ended.returncode == 1
    assert ended.stderr == "error: the job took longer than time_limit allows, 0.01 minutes\n"


def test_even_one_that_lets_no_other_code_of_python_run(tmp_path):
    ended = done(tmp_path, "sum(range(10**12))", "--time-limit", "0.01")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Timeout (0:00:05")
    assert "job.py" in ended.stderr


def test_a_record_knows_what_decides_and_not_what_does_not(tmp_path):
    said = [
        done(tmp_path, "print(json.dumps(made_by(arguments)))", "--made-by", made, *more, "--size", size)
        for made, size, more in (
            ('{"sources": "abc", "commit": "one"}', "3", ()),
            ('{"sources": "abc", "commit": "two"}', "3", ("--time-limit", "5")),
            ('{"sources": "abc", "commit": "two"}', "4", ()),
        )
    ]
    first, second, third = (one.stdout for one in said)
    assert first == second != third
    assert sha256(shlex.join(["--size", "3"]).encode()).hexdigest()[:16] in first


def test_files_are_what_the_users_mask_leaves(tmp_path):
    write = "from redress.formats.files import write_json; from redress.formats.identity import Identity; "
    write += "write_json('a.json', {}, Identity('d'))"
    before = os.umask(0o027)
    try:
        ended = done(tmp_path, write)
    finally:
        os.umask(before)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o640
