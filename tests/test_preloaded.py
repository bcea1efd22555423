"""Jobs that start as copies of a process with PyTorch behave as if Python had started them."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from project import ROOT

SCRIPTS = ROOT / "workflow/scripts"
PRELOADED = SCRIPTS / "redress/launch/preloaded.py"
PARENT = f"""
import os, sys
sys.path.insert(0, {str(SCRIPTS)!r})
from redress.launch.preloaded import start_server
start_server()
print(os.environ["REDRESS_PRELOADED"], flush=True)
sys.stdin.read()
"""
WAITS = """
    import os, time
    print(os.getpid(), flush=True)
    time.sleep(60)
"""
on_linux = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="open files are listed on Linux only"
)


class Parent:
    """A program that starts a server. Its output ends when both have ended, for the server shares it."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", PARENT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.address = self.process.stdout.readline().strip()


@pytest.fixture(scope="module")
def server():
    parent = Parent()
    yield parent.address
    parent.process.communicate(timeout=20)


@pytest.fixture
def parent():
    parent = Parent()
    yield parent
    parent.process.kill()
    parent.process.wait()


def assert_gone(folder):
    """The server removes it as the last thing it does."""
    end = time.monotonic() + 4
    while folder.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not folder.exists()


@pytest.fixture
def write(tmp_path):
    def write(text, name="script.py"):
        (tmp_path / name).write_text(textwrap.dedent(text))
        return tmp_path / name

    return write


def command(address, script, *arguments, **environment):
    """How a job is started, as keywords of `subprocess`: by the server at `address` if there is one."""
    known = {key: value for key, value in os.environ.items() if key != "REDRESS_PRELOADED"}
    if address is not None:
        known["REDRESS_PRELOADED"] = str(address)
    return {
        "args": [sys.executable, PRELOADED, script, *arguments],
        "env": {**known, **environment},
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }


@pytest.fixture(params=["no server", "server"])
def run(request):
    """Run a script in one of the two ways."""
    address = request.getfixturevalue("server") if request.param == "server" else None

    def run(script, *arguments, cwd=None, stdin="", **environment):
        keywords = command(address, script, *arguments, **environment)
        return subprocess.run(**keywords, cwd=cwd, input=stdin, timeout=60)

    return run


@pytest.fixture
def job(write, request):
    """Start a job that waits: the process that asked for it, and its own number."""

    def start(address, text=WAITS):
        client = subprocess.Popen(
            **command(address, write(text)),
            stdin=subprocess.PIPE,
            # What a script starts in the background ignores an interrupt, and so would all that it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        request.addfinalizer(client.kill)
        return client, int(client.stdout.readline())

    return start


def test_arguments_and_output_arrive(run, write):
    script = write("""
        import sys
        print(sys.argv, __name__, __file__)
        print("a warning", file=sys.stderr)
    """)
    done = run(script, "a", "b c", "--serve", "", "é")
    assert done.stdout == f"{[str(script), 'a', 'b c', '--serve', '', 'é']} __main__ {script}\n"
    assert (done.stderr, done.returncode) == ("a warning\n", 0)


@pytest.mark.parametrize(
    ("end", "code", "stderr"),
    [
        ("", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("raise SystemExit('error: no way') from ValueError('hidden')", 1, "error: no way\n"),
    ],
)
def test_scripts_end_as_they_say(run, write, end, code, stderr):
    done = run(write(f"import sys\nprint('begun')\n{end}\n"))
    assert (done.stdout, done.stderr, done.returncode) == ("begun\n", stderr, code)


def test_without_its_server_a_job_runs_by_itself(write, tmp_path):
    done = subprocess.run(**command(tmp_path / "gone/socket", write("print('here')")), timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("here\n", "", 0)


@pytest.mark.parametrize("error", ["ValueError('no way')", "KeyboardInterrupt('no way')"])
def test_an_uncaught_exception_prints_its_traceback(run, write, error):
    script = write(f"print('begun')\n\n\ndef inner():\n    raise {error}\n\n\ninner()\n")
    done = run(script)
    assert done.stdout == "begun\n"
    assert done.returncode != 0
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    for line, where in ((8, "<module>"), (5, "inner")):
        assert f'File "{script}", line {line}, in {where}' in done.stderr
    assert done.stderr.endswith(f"{error.split('(')[0]}: no way\n")


def test_a_script_that_is_not_python_says_where(run, write):
    done = run(write("print('begun')\nif:\n"))
    assert (done.stdout, done.returncode) == ("", 1)
    assert 'script.py", line 2' in done.stderr
    assert "SyntaxError" in done.stderr


def test_the_environment_is_the_callers(run, write):
    script = write("import json, os; print(json.dumps(dict(os.environ)))")
    done = run(script, ONE="1", TWO="zwei Wörter\nzwei Zeilen")
    expected = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "ONE": "1", "TWO": "zwei Wörter\nzwei Zeilen"},
        capture_output=True,
        text=True,
    )

    def variables(text):
        return {key: value for key, value in json.loads(text).items() if key != "REDRESS_PRELOADED"}

    assert variables(done.stdout) == variables(expected.stdout)


def test_programs_that_a_script_starts_inherit_what_they_should(run, write):
    script = write("""
        import os, subprocess
        os.environ["TWO"] = "2"
        subprocess.run(["sh", "-c", "echo $ONE $TWO; pwd; cat; echo problem >&2"])
    """)
    done = run(script, cwd=script.parent, stdin="input\n", ONE="1")
    assert done.stdout.splitlines() == ["1 2", str(script.parent), "input"]
    assert done.stderr == "problem\n"


@on_linux
def test_programs_that_a_script_starts_have_the_standard_streams_and_no_other(run, write):
    script = write("import subprocess; subprocess.run(['sh', '-c', 'ls /proc/$$/fd'], close_fds=False)")
    assert run(script).stdout.split() == ["0", "1", "2"]


def test_the_working_folder_is_the_callers_and_may_be_relative(run, write, tmp_path):
    (tmp_path / "inner").mkdir()
    write("import os, sys; print(os.getcwd(), sys.argv[0], __file__)", "inner/script.py")
    done = run("inner/script.py", cwd=tmp_path)
    assert done.stdout.split()[:2] == [str(tmp_path), "inner/script.py"]
    done = run("script.py", cwd=tmp_path / "inner")
    assert done.stdout.split()[:2] == [str(tmp_path / "inner"), "script.py"]


def test_modules_are_found_beside_the_script_first(run, write, tmp_path):
    write("WHERE = 'beside'", "neighbour.py")
    write("WHERE = 'beside'", "colorsys.py")  # also a module of Python's own
    script = write("import sys, neighbour, colorsys; print(neighbour.WHERE, colorsys.WHERE, sys.path[0])")
    assert run(script, cwd="/").stdout == f"beside beside {tmp_path}\n"


def test_input_reaches_the_script(run, write):
    done = run(
        write("import sys; print(sys.stdin.readline(), input(), sys.stdin.read())"), stdin="a\nb\nc\nd"
    )
    assert done.stdout == "a\n b c\nd\n"


def test_a_long_request_arrives(run, write):
    script, text = write("import os, sys; print(len(sys.argv[1]), len(os.environ['LONG']))"), "ü" * 50_000
    assert run(script, text, LONG=text).stdout == "50000 50000\n"


def test_more_output_than_a_pipe_holds_arrives(run, write):
    done = run(write("import sys; print('x' * 300_000); print('y' * 300_000, file=sys.stderr)"))
    assert (len(done.stdout), len(done.stderr)) == (300_001, 300_001)


def test_pytorch_is_there_from_the_start_and_nothing_of_the_project(server, write, tmp_path):
    own = {"redress"} | {path.name for path in SCRIPTS.iterdir() if path.is_dir()}
    own |= {path.stem for path in SCRIPTS.rglob("*.py")} - {"__init__"}
    script = write(f"""
        import sys
        print("torch" in sys.modules, {own!r} & set(sys.modules))
        print([name for name in sys.modules if name.startswith(("redress.", "methods."))])
    """)
    for address, there in ((server, True), (None, False)):
        done = subprocess.run(**command(address, script))
        assert done.stdout == f"{there} set()\n[]\n"


def test_edited_code_is_seen_by_the_next_job(server, write):
    script = write("import neighbour; print(neighbour.TEXT)")
    for text in ("old", "newer", "newest of all"):
        write(f"TEXT = {text!r}", "neighbour.py")
        assert subprocess.run(**command(server, script)).stdout == f"{text}\n"


def test_jobs_leave_nothing_behind_for_the_next_one(server, write):
    script = write("""
        import os, sys, torch
        print(os.environ.get("MARK"), hasattr(torch, "mark"), torch.get_num_threads() == 1, len(sys.path))
        os.environ["MARK"], torch.mark = "here", True
        torch.set_num_threads(1 if torch.get_num_threads() > 1 else 2)
        sys.path.append("more")
    """)
    first, second = (subprocess.run(**command(server, script)).stdout for _ in range(2))
    assert first.startswith("None False ")
    assert first == second


def test_jobs_run_at_the_same_time(server, write, tmp_path):
    script = write("""
        import sys, time
        from pathlib import Path
        own, others = sys.argv[1], sys.argv[2:]
        Path(own).touch()
        while not all(Path(other).exists() for other in others):
            time.sleep(0.01)
        print(own)
    """)
    names = ["a", "b", "c", "d"]
    clients = [subprocess.Popen(**command(server, script, name, *names), cwd=tmp_path) for name in names]
    assert [client.communicate(timeout=30)[0] for client in clients] == [f"{name}\n" for name in names]
    assert [client.returncode for client in clients] == [0, 0, 0, 0]


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_job_ends_with_the_process_that_asked_for_it(server, job, kind):
    client, _ = job(server)
    client.send_signal(kind)
    client.communicate(timeout=2)  # the job holds the other end of the pipe until it ends
    assert client.returncode != 0


def test_a_job_ends_even_if_the_client_never_read_that_it_had_started(server, write):
    # A socket that is closed with something unread in it is not at its end but broken.
    script = write(WAITS)
    (out, into), null = os.pipe(), os.open(os.devnull, os.O_RDWR)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(server)
        socket.send_fds(client, [b"\n"], [null, into, null])
        request = {"argv": [str(script)], "cwd": str(script.parent), "env": dict(os.environ)}
        client.sendall(json.dumps(request).encode() + b"\n")
        os.close(into)
        os.close(null)
        with os.fdopen(out) as lines:
            number = int(lines.readline())
            client.close()
            end = time.monotonic() + 2
            while Path(f"/proc/{number}").exists() and time.monotonic() < end:
                time.sleep(0.01)
            assert not Path(f"/proc/{number}").exists()


def test_a_job_ends_in_the_middle_of_a_computation(server, job):
    client, _ = job(
        server,
        """
        import os, torch
        print(os.getpid(), flush=True)
        while True:
            torch.ones(300, 300) @ torch.ones(300, 300)
    """,
    )
    client.kill()
    client.communicate(timeout=2)


def test_a_killed_job_is_an_error_that_says_so(server, write):
    done = subprocess.run(**command(server, write("import os; os.kill(os.getpid(), 9)")), timeout=10)
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "killed" in line


def test_a_job_killed_from_outside_is_an_error_too(server, job):
    client, number = job(server)
    os.kill(number, signal.SIGKILL)
    _, stderr = client.communicate(timeout=2)
    assert client.returncode != 0
    assert "killed" in stderr


def exists(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_finished_jobs_are_gone_from_the_process_table(server, write):
    numbers = write("import os; print(os.getpid(), os.getppid())")
    finished = [subprocess.run(**command(server, numbers)).stdout.split() for _ in range(3)]
    assert len({number for number, _ in finished}) == 3
    ((above),) = {above for _, above in finished}
    assert exists(int(above))
    deadline = time.monotonic() + 2
    while any(exists(int(number)) for number, _ in finished):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@on_linux
def test_jobs_leave_no_file_open_in_the_server(server, write):
    script = write("import os; print(len(os.listdir(f'/proc/{os.getppid()}/fd')))")
    counts = [subprocess.run(**command(server, script)).stdout for _ in range(4)]
    assert len(set(counts)) == 1


@pytest.mark.parametrize(("kind", "used"), [(None, True), (signal.SIGKILL, False)])
def test_the_server_ends_with_the_program_that_started_it(parent, write, kind, used):
    folder = Path(parent.address).parent
    assert folder.stat().st_mode & 0o077 == 0
    if used:
        subprocess.run(**command(parent.address, write("")), check=True)
    else:
        time.sleep(1)
    if kind:
        parent.process.send_signal(kind)
    _, stderr = parent.process.communicate(timeout=3)
    assert stderr == ""
    assert_gone(folder)


def test_the_server_ends_even_if_that_program_ends_at_once(parent):
    parent.process.communicate(timeout=3)
    assert_gone(Path(parent.address).parent)


def test_jobs_end_when_all_above_them_is_killed(parent, job):
    client, _ = job(parent.address)
    parent.process.kill()
    client.kill()
    client.communicate(timeout=2)
    parent.process.communicate(timeout=3)
    assert_gone(Path(parent.address).parent)


def test_a_job_does_not_outlive_the_program_that_started_the_server(parent, job):
    text = """
        import os
        print(os.getpid(), flush=True)
        print(input())
    """
    client, _ = job(parent.address, text)
    parent.process.kill()
    parent.process.communicate(timeout=3)
    stdout, _ = client.communicate(timeout=5)
    assert stdout == ""
    assert client.returncode != 0


def test_numbers_are_the_same_to_the_last_bit(server, write):
    script = write("""
        import hashlib, sys, torch
        torch.set_num_threads(int(sys.argv[1]))
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Conv2d(3, 16, 3), torch.nn.BatchNorm2d(16), torch.nn.ReLU(), torch.nn.Conv2d(16, 8, 3)
        )
        images = torch.randn(32, 3, 24, 24, requires_grad=True)
        for memory_format in (torch.contiguous_format, torch.channels_last):
            for dtype in (torch.float32, torch.bfloat16):
                with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
                    output = model.to(memory_format=memory_format)(images)
                loss = output.float().logsumexp((1, 2, 3)).mean()
                gradients = torch.autograd.grad(loss, [images, *model.parameters()])
                for tensor in (output.float(), *gradients):
                    print(hashlib.sha256(tensor.detach().contiguous().numpy().tobytes()).hexdigest())
    """)
    preloaded, plain = (subprocess.run(**command(address, script, "2")) for address in (server, None))
    assert len(plain.stdout.splitlines()) == 4 * 8, plain.stderr
    assert preloaded.stdout == plain.stdout
