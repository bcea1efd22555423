"""Run a job's script in a copy of a process that has imported PyTorch already.

`python preloaded.py SCRIPT ARGUMENT ...` does what `python SCRIPT ARGUMENT ...` does. Where the variable
REDRESS_PRELOADED names the socket of a server (`start_server`), that one forks and its child runs the
script: with this process's arguments, environment, folder and standard streams, and for no longer than this
process lives. A tenth of a second instead of the one to three that importing PyTorch takes. With `--light`
before SCRIPT, one that needs no PyTorch, the server does not import it for this job's sake.
"""

# A process of a job imports this file to ask the server and nothing else, so it imports little; what the
# server needs is imported where it is used.
import json
import os
import socket
import sys

ADDRESS = "REDRESS_PRELOADED"
STANDARD_STREAMS = (0, 1, 2)
POLL_SECONDS = 1.0
STARTED = b"s"  # what a job says before it runs its script
LIGHT, HEAVY = b"l", b"h"  # what a client says first: whether the job needs no PyTorch
SERVER_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",  # threads do not survive a fork
    # Else glibc hands a freed tensor's memory back and takes it anew, page by page (`bench.py allocation`
    # measures it). In bytes.
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
}
SIGNAL_KILL, SIGNAL_INTERRUPT = 9, 2


def main() -> None:
    option, *arguments = sys.argv[1:]
    if option != "--serve":
        light = option == "--light"
        script, *arguments = arguments if light else [option, *arguments]
        try:
            sys.exit(run_preloaded(script, arguments, LIGHT if light else HEAVY))
        except KeyboardInterrupt:
            sys.exit(128 + SIGNAL_INTERRUPT)
    connection = serve(arguments[0], int(arguments[1]))
    if connection:
        run_and_leave(become_job(connection))


def run_preloaded(script: str, arguments: list[str], need: bytes = HEAVY) -> int | str:
    """Have the server run `script`: its exit code or, if it was killed, a line about that.

    Without a server, or with one that comes to nothing, this process runs the script itself.
    """
    for stream in STANDARD_STREAMS:
        try:
            os.fstat(stream)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # a closed stream's number would go to the socket
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(os.environ[ADDRESS])
            request = {"argv": [script, *arguments], "cwd": os.getcwd(), "env": dict(os.environ)}  # noqa: PTH109
            socket.send_fds(server, [need], STANDARD_STREAMS)
            server.sendall(json.dumps(request).encode() + b"\n")
            started = server.recv(1) == STARTED
        except (KeyError, OSError):
            started = False
        if not started:
            os.execv(sys.executable, [sys.executable, script, *arguments])
        answer = server.recv(16)
    code = int(answer or -SIGNAL_KILL)
    if code >= 0 or code == -SIGNAL_INTERRUPT:
        return code % 256
    why = "; perhaps the machine ran out of memory" if code == -SIGNAL_KILL else ""
    return f"error: the job's process was killed by signal {-code}{why}"


def start_server() -> None:
    """Let the jobs that this process starts run preloaded. The server ends when this process does."""
    import shutil
    import subprocess
    import tempfile
    from pathlib import Path

    address = Path(tempfile.mkdtemp(prefix="redress-")) / "socket"
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            # It listens before it is announced: nobody comes too early.
            listener.bind(str(address))
            listener.listen(128)
            subprocess.Popen(
                [sys.executable, "-P", __file__, "--serve", str(address), str(os.getpid())],
                stdin=listener.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **SERVER_ENVIRONMENT},
                start_new_session=True,  # an interrupt from the keyboard is for Snakemake to handle
            )
    except OSError:  # a path too long for a socket: jobs start the ordinary way
        shutil.rmtree(address.parent, ignore_errors=True)
        return
    os.environ[ADDRESS] = str(address)


def serve(address: str, parent: int) -> socket.socket | None:
    """Fork a child for each connection to the socket on standard input, until `parent` ends.

    Returns twice, as fork does: in a child with its connection, in the server with None. Jobs that are left
    over then are killed: they would go on writing results that a next run may have made anew.
    """
    import select
    import shutil
    import signal

    jobs: dict[int, socket.socket] = {}
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    server = os.getpid()
    try:
        with socket.socket(fileno=0) as listener:
            while os.getppid() == parent:
                ready = select.select([listener.fileno(), woken], [], [], POLL_SECONDS)[0]
                if woken in ready:
                    os.read(woken, 4096)
                    tell_ends(jobs)
                if listener.fileno() in ready:
                    connection, _ = listener.accept()
                    if connection.recv(1, socket.MSG_PEEK) == LIGHT:
                        import_what_light_jobs_need()
                    else:
                        import_what_jobs_need()
                    job = os.fork()
                    if job == 0:
                        listener.detach()  # the number stays taken until standard input has it
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        for other in (woken, wake):
                            os.close(other)
                        for other_connection in jobs.values():
                            other_connection.close()
                        return connection
                    jobs[job] = connection
    finally:
        if os.getpid() == server:
            for job in jobs:
                os.kill(job, signal.SIGKILL)
            shutil.rmtree(os.path.dirname(address), ignore_errors=True)  # noqa: PTH120
    return None


def import_what_jobs_need() -> None:
    """At the first job, for a run without any needs no PyTorch.

    Nothing of the project's own, which may be edited while the server lives.
    """
    import_what_light_jobs_need()
    import torch  # noqa: F401


def import_what_light_jobs_need() -> None:
    """NumPy, and what every job imports of the standard library."""
    import argparse  # noqa: F401
    import importlib.metadata  # noqa: F401
    import logging  # noqa: F401
    import tempfile  # noqa: F401

    import numpy.random  # noqa: F401
    import safetensors.numpy  # noqa: F401


def tell_ends(jobs: dict[int, socket.socket]) -> None:
    """Send the exit code of every job that has ended to its client."""
    import contextlib

    for job in list(jobs):
        ended, status = os.waitpid(job, os.WNOHANG)
        if ended:
            with jobs.pop(job) as connection, contextlib.suppress(OSError):
                connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def become_job(connection: socket.socket) -> str:
    """Make this process what the client at the other end asks for; the path of the script to run."""
    import threading
    from pathlib import Path

    _, streams, _, _ = socket.recv_fds(connection, 1, len(STANDARD_STREAMS))
    for stream, target in zip(streams, STANDARD_STREAMS, strict=True):
        os.dup2(stream, target)
        os.close(stream)
    sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())  # type: ignore[union-attr]
    with connection.makefile("rb") as lines:
        request = json.loads(lines.readline())
    threading.Thread(target=_end_with_client, args=(connection,), daemon=True).start()
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = request["argv"]
    script: str = sys.argv[0]
    sys.path.insert(0, str(Path(script).parent.absolute()))
    connection.sendall(STARTED)
    return script


def run_and_leave(script: str) -> None:
    """Run a script as Python would, and end at once.

    Taking a process with PyTorch in it apart takes Python a third of a second, more than many a job.
    """
    import runpy

    code: object = None
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as error:
        code = error.code
    except Exception:
        sys.excepthook(*sys.exc_info())
        code = 1
    if not isinstance(code, int | None):
        print(code, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit((code or 0) & 0xFF)


def _end_with_client(connection: socket.socket) -> None:
    """The client sends nothing more: what is to be read is the end of its life, or an error that says so."""
    import contextlib

    with contextlib.suppress(OSError):
        connection.recv(1)
    os._exit(1)


if __name__ == "__main__":
    main()
