"""The device a job runs on, set up for repeatable numbers, and what it takes there: time and memory."""

import os
import platform
import resource
import time
from pathlib import Path

import torch

from redress.formats.errors import BadInputError
from redress.launch.cards import take_card


def choose_device(wanted: str, threads: int) -> torch.device:
    """Set the process up for repeatable numbers on `wanted` (auto, cpu, cuda) with `threads` CPU threads."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    # The same as torch.use_deterministic_algorithms(warn_only=True), which imports the compiler (a second).
    torch.set_deterministic_debug_mode("warn")
    # Nothing reads uninitialised memory, and filling it takes time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if wanted == "cuda" and not torch.cuda.is_available():
        raise BadInputError("--device cuda: this machine has no usable NVIDIA GPU; use cpu or auto")
    if wanted == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    card = torch.device("cuda", take_card(torch.cuda.device_count()))
    torch.cuda.set_device(card)
    return card


def device_name(device: torch.device) -> str:
    """What the device is called in results."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu ({platform.machine()}, {torch.get_num_threads()} threads)"


def host_peak_memory_mb() -> float:
    """Peak resident memory of this process in MB."""
    try:
        status = Path("/proc/self/status").read_text().split()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    # Linux's ru_maxrss counts what the process was before it became this program.
    return int(status[status.index("VmHWM:") + 1]) * 1024 / 1e6


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory in MB: the GPU's since the last reset, on a CPU the process's so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return host_peak_memory_mb()


def free_memory(device: torch.device) -> int:
    """Bytes that a job could take: of the GPU, or of what this machine or its container has left."""
    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
        return free
    pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        pages = int(lines["MemAvailable"].split()[0]) * 1024
        limit, used = (int(Path(f"/sys/fs/cgroup/memory.{one}").read_text()) for one in ("max", "current"))
    except (OSError, KeyError, ValueError):  # not Linux, or no limit
        return pages
    return min(pages, limit - used)


class Stopwatch:
    """Wall-clock seconds of the block, the device's queue emptied at both ends."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.seconds = 0.0

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()

    def __enter__(self) -> "Stopwatch":
        self._started = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = self._now() - self._started
