"""Run a job's script in a copy of a process that has imported PyTorch already.

`python preloaded.py SCRIPT ARGUMENT ...` does what `python SCRIPT ARGUMENT ...` does. Where the variable
REDRESS_PRELOADED names the socket of a server (`start_server`), that one forks and its child runs the
script: with this process's environment, folder and standard streams, and for no longer than this process
lives. A tenth of a second instead of the one to three that importing PyTorch takes.
"""

import contextlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path

ADDRESS = "REDRESS_PRELOADED"
STANDARD_STREAMS = (0, 1, 2)
POLL_SECONDS = 1.0


def main() -> None:
    script, *arguments = sys.argv[1:]
    if script == "--serve":
        serve(Path(arguments[0]))
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket(socket.AF_UNIX))
        try:
            server.connect(os.environ[ADDRESS])
        except (KeyError, OSError):  # there is none: the ordinary way
            os.execv(sys.executable, [sys.executable, script, *arguments])
        request = {"argv": [script, *arguments], "cwd": str(Path.cwd()), "env": dict(os.environ)}
        socket.send_fds(server, [b"\n"], STANDARD_STREAMS)
        server.sendall(json.dumps(request).encode() + b"\n")
        answer = server.recv(16)
    sys.exit(int(answer) if answer else "error: the job's process was killed; perhaps memory ran out")


def start_server() -> None:
    """Let the jobs that this process starts run preloaded. The server ends when this process does."""
    address = Path(tempfile.mkdtemp(prefix="redress-")) / "socket"
    with socket.socket(socket.AF_UNIX) as listener:  # listens before it is announced: nobody comes too early
        listener.bind(str(address))
        listener.listen(128)
        subprocess.Popen(
            [sys.executable, "-P", __file__, "--serve", str(address)],
            stdin=listener.fileno(),
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # threads do not survive a fork
            start_new_session=True,  # an interrupt from the keyboard is for Snakemake to handle
        )
    os.environ[ADDRESS] = str(address)


def serve(address: Path) -> None:
    """Fork a child for every connection to the listening socket on standard input."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children report to their clients
    parent = os.getppid()
    with socket.socket(fileno=0) as listener:
        while os.getppid() == parent:
            if not select.select([listener], [], [], POLL_SECONDS)[0]:
                continue
            connection, _ = listener.accept()
            # Here and not earlier, for a run without such jobs needs no PyTorch; and nothing of the
            # project's own, which may be edited while the server lives.
            import numpy  # noqa: F401
            import safetensors.numpy  # noqa: F401
            import torch  # noqa: F401

            if os.fork() == 0:
                listener.detach()
                os._exit(_serve_one(connection))
            connection.close()
    shutil.rmtree(address.parent, ignore_errors=True)


def _serve_one(connection: socket.socket) -> int:
    """In the child: run the script that the client asks for and tell it the exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(connection, 1, len(STANDARD_STREAMS))
    for stream, target in zip(streams, STANDARD_STREAMS, strict=True):
        os.dup2(stream, target)
        os.close(stream)
    request = json.loads(connection.makefile("rb").readline())
    threading.Thread(target=_end_with_client, args=(connection,), daemon=True).start()
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = request["argv"]
    sys.path.insert(0, str(Path(sys.argv[0]).parent.absolute()))
    code = _run(sys.argv[0])
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(str(code).encode())
    return code


def _end_with_client(connection: socket.socket) -> None:
    """The client sends nothing more, so what can be read is the end of its life."""
    connection.recv(1)
    os._exit(1)


def _run(script: str) -> int:
    """Run `script` as Python's command line would; its exit code."""
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
