"""CIFAR and PCam: tiny files in their published formats, served, damaged and read back."""

import gzip
import hashlib
import http.server
import io
import json
import os
import pickle
import socket
import subprocess
import sys
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from project import ROOT
from torchvision.datasets import CIFAR10, CIFAR100, PCAM

from redress.adversary.pool import check
from redress.plugins.datasets import cifar10, cifar100, pcam

TRAIN, TEST = 20, 6


def code(sample, channel, y, x):
    """A pixel that tells its place: no shift of an image has the same values."""
    return ((3 * y * y + 5 * x * x + 11 * x * y + 71 * channel + 13 * sample) % 256).astype(np.uint8)


def coded(count, first=0, offset=0):
    """Images (count, 3, 32, 32) cut at `offset` out of larger ones, numbered from `first`."""
    sample, channel, y, x = np.indices((count, 3, 32, 32))
    return code(sample + first, channel, y + offset, x + offset)


def md5(content):
    return hashlib.md5(content).hexdigest()


def refusal(load, root):
    with pytest.raises(ValueError) as caught:
        load(data_root=str(root))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"data_root {root}: ")
    return message


@pytest.fixture(autouse=True)
def as_found(monkeypatch):
    """The sockets' time limit is put back, and no proxy stands between this machine and itself."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    before = socket.getdefaulttimeout()
    yield
    socket.setdefaulttimeout(before)


def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Server(http.server.ThreadingHTTPServer):
    """Answers every request with `content`, under the pretence that it is `length` bytes long."""

    content, length, answered = b"", 0, 0

    def offer(self, content, length=None):
        self.content, self.length = content, length or len(content)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.answered += 1  # first, or whoever has read it all may look too soon
        self.send_response(200)
        self.send_header("Content-Length", str(self.server.length))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


# CIFAR


def cifar_rows(count, first):
    """Rows as published: 1,024 red values, line by line, then green, then blue."""
    place = np.arange(3072)
    sample = np.arange(first, first + count)[:, None]
    return code(sample, place // 1024, place % 1024 // 32, place % 32)


def cifar10_files():
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    sizes = [TRAIN // 5] * 5 + [TEST]
    files, first = {}, 0
    for name, size in zip(names, sizes, strict=True):
        labels = [(first + i) * 3 % 10 for i in range(size)]
        files[name] = {"batch_label": name, "labels": labels, "data": cifar_rows(size, first)}
        first += size
    files["batches.meta"] = {"label_names": list(cifar10.CLASSES), "num_vis": 3072}
    return files


def cifar100_files():
    files = {}
    for name, size, first in (("train", TRAIN, 0), ("test", TEST, TRAIN)):
        fine = [(first + i) * 3 % 100 for i in range(size)]
        rows = cifar_rows(size, first)
        files[name] = {"coarse_labels": [0] * size, "fine_labels": fine, "data": rows}
    files["meta"] = {"coarse_label_names": ["all"], "fine_label_names": list(cifar100.CLASSES)}
    return files


class Cifar:
    """A tiny CIFAR, whose checksums torchvision takes for the published ones."""

    def __init__(self, kind, loader, files, monkeypatch):
        self.kind, self.loader, self.monkeypatch = kind, loader, monkeypatch
        self.files = {name: pickle.dumps(content, protocol=2) for name, content in files.items()}
        self.point_to(f"http://127.0.0.1:{closed_port()}")
        for lists in ("train_list", "test_list"):
            names = [name for name, _ in getattr(kind, lists)]
            assert set(names) < self.files.keys()
            self.set(lists, [[name, md5(self.files[name])] for name in names])
        meta = kind.meta["filename"]
        self.set("meta", {**kind.meta, "md5": md5(self.files[meta])})
        self.archive = self._packed()
        self.set("tgz_md5", md5(self.archive))

    def set(self, name, value):
        self.monkeypatch.setattr(self.kind, name, value)

    def point_to(self, address):
        self.set("url", f"{address}/{self.kind.filename}")

    def write(self, root):
        folder = root / self.kind.base_folder
        folder.mkdir(parents=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return folder

    def _packed(self):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name, content in self.files.items():
                member = tarfile.TarInfo(f"{self.kind.base_folder}/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return packed.getvalue()

    def assert_loaded_from(self, root):
        pool = self.loader.load(data_root=str(root))
        classes = len(self.loader.CLASSES)
        assert np.array_equal(pool.train_images, coded(TRAIN))
        assert np.array_equal(pool.test_images, coded(TEST, first=TRAIN))
        assert pool.train_labels.tolist() == [3 * i % classes for i in range(TRAIN)]
        assert pool.test_labels.tolist() == [3 * i % classes for i in range(TRAIN, TRAIN + TEST)]
        assert pool.classes == self.loader.CLASSES
        assert {pool.train_images.dtype, pool.test_images.dtype} == {np.dtype(np.uint8)}
        assert {pool.train_labels.dtype, pool.test_labels.dtype} == {np.dtype(np.int64)}


@pytest.fixture(params=["cifar10", "cifar100"])
def cifar(request, monkeypatch):
    if request.param == "cifar10":
        return Cifar(CIFAR10, cifar10, cifar10_files(), monkeypatch)
    return Cifar(CIFAR100, cifar100, cifar100_files(), monkeypatch)


def test_cifars_classes_have_the_numbers_of_the_protocol():
    assert len(cifar10.CLASSES) == 10
    assert [cifar10.CLASSES.index(name) for name in ("airplane", "cat", "dog", "truck")] == [0, 3, 5, 9]
    assert len(set(cifar100.CLASSES)) == 100
    assert sorted(cifar100.CLASSES) == cifar100.CLASSES
    assert [cifar100.CLASSES.index(name) for name in ("maple_tree", "oak_tree", "orange")] == [47, 52, 53]


@pytest.mark.parametrize(
    ("loader", "train", "test", "classes"),
    [(cifar10, 50_000, 10_000, 10), (cifar100, 50_000, 10_000, 100), (pcam, 2**18, 2**15, 2)],
)
def test_the_published_sizes_are_described(loader, train, test, classes):
    described = loader.describe(data_root="nowhere")
    assert (sum(described.train_per_class), sum(described.test_per_class)) == (train, test)
    assert len(described.train_per_class) == len(described.test_per_class) == classes
    assert len(described.classes) == classes
    assert (described.channels, described.image_size) == (3, 32)
    assert not Path("nowhere").exists()


def test_cifar_comes_through_unchanged_and_in_order(cifar, tmp_path):
    cifar.write(tmp_path)
    cifar.assert_loaded_from(tmp_path)


def test_cifar_is_downloaded_once(cifar, server, tmp_path):
    cifar.point_to(f"http://127.0.0.1:{server.server_port}")
    server.offer(cifar.archive)
    cifar.assert_loaded_from(tmp_path / "new/root")
    answered = server.answered
    assert answered
    cifar.assert_loaded_from(tmp_path / "new/root")
    assert server.answered == answered


def test_jobs_that_want_the_same_data_download_them_once(cifar, server, tmp_path):
    cifar.point_to(f"http://127.0.0.1:{server.server_port}")
    server.offer(cifar.archive)
    cifar.assert_loaded_from(tmp_path / "alone")
    alone = server.answered
    with ThreadPoolExecutor(3) as jobs:
        for done in [jobs.submit(cifar.assert_loaded_from, tmp_path / "shared") for _ in range(3)]:
            done.result()
    assert server.answered == 2 * alone


@pytest.mark.parametrize("breaks_off", [False, True])
def test_half_a_download_is_no_data_and_the_next_one_is(cifar, server, tmp_path, breaks_off):
    cifar.point_to(f"http://127.0.0.1:{server.server_port}")
    half = cifar.archive[: len(cifar.archive) // 2]
    server.offer(half, len(cifar.archive) if breaks_off else None)
    refusal(cifar.loader.load, tmp_path)
    assert not (tmp_path / cifar.kind.base_folder).exists()
    server.offer(cifar.archive)
    cifar.assert_loaded_from(tmp_path)


def test_half_an_extraction_is_made_whole_from_the_archive(cifar, tmp_path):
    folder = cifar.write(tmp_path)
    (tmp_path / cifar.kind.filename).write_bytes(cifar.archive)
    (folder / cifar.kind.test_list[0][0]).write_bytes(b"")
    cifar.assert_loaded_from(tmp_path)


class Trap:
    """Something that makes a file when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_an_altered_batch_is_not_even_unpickled(cifar, tmp_path):
    folder = cifar.write(tmp_path / "root")
    name = cifar.kind.train_list[-1][0]
    sprung = tmp_path / "sprung"
    trap = bytearray(pickle.dumps({"data": Trap(sprung)}, protocol=2))
    cifar.set("train_list", [*cifar.kind.train_list[:-1], [name, md5(bytes(trap))]])
    (folder / name).write_bytes(trap)
    with pytest.raises(ValueError):
        cifar.loader.load(data_root=str(tmp_path / "root"))
    assert sprung.exists()

    sprung.unlink()
    trap[trap.index(b"data")] ^= 1
    (folder / name).write_bytes(trap)
    refusal(cifar.loader.load, tmp_path / "root")
    assert not sprung.exists()


def test_one_altered_pixel_is_noticed(cifar, tmp_path):
    folder = cifar.write(tmp_path)
    for name, _ in (*cifar.kind.train_list, *cifar.kind.test_list):
        content = bytearray(cifar.files[name])
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        refusal(cifar.loader.load, tmp_path)
        (folder / name).write_bytes(cifar.files[name])
    cifar.assert_loaded_from(tmp_path)


def test_without_data_and_without_network_one_line_says_so(cifar, tmp_path):
    assert "refused" in refusal(cifar.loader.load, tmp_path / "nowhere")


def test_a_data_root_that_is_a_file_is_one_line(cifar, tmp_path):
    (tmp_path / "file").write_text("")
    refusal(cifar.loader.load, tmp_path / "file")


def test_classes_in_another_order_are_refused(monkeypatch, tmp_path):
    files = cifar10_files()
    files["batches.meta"]["label_names"].reverse()
    Cifar(CIFAR10, cifar10, files, monkeypatch).write(tmp_path)
    with pytest.raises(ValueError, match=r"CIFAR-10: .*truck, ship"):
        cifar10.load(data_root=str(tmp_path))


def test_too_few_images_are_not_taken_for_the_dataset(cifar, tmp_path):
    cifar.write(tmp_path)
    with pytest.raises(ValueError, match="20 training images and 20 labels, not 50000 of each"):
        check(cifar.loader.load(data_root=str(tmp_path)), cifar.loader.describe())


# PCam


def pcam_file(key, values):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset(key, data=values, chunks=(1, *values.shape[1:]), compression="gzip")
    return content.getvalue()


def pcam_files(part, count, first):
    sample, y, x, channel = np.indices((count, 96, 96, 3))
    labels = (np.arange(first, first + count) // 2 % 2).astype(np.uint8)
    return {
        f"camelyonpatch_level_2_split_{part}_x.h5": pcam_file("x", code(sample + first, channel, y, x)),
        f"camelyonpatch_level_2_split_{part}_y.h5": pcam_file("y", labels.reshape(-1, 1, 1, 1)),
    }


@pytest.fixture(scope="module")
def patches():
    """A tiny PCam: the content of its four files."""
    return {**pcam_files("train", TRAIN, 0), **pcam_files("test", TEST, TRAIN)}


def write(root, contents):
    (root / "pcam").mkdir(parents=True)
    for name, content in contents.items():
        (root / "pcam" / name).write_bytes(content)
    return root


def assert_patches_loaded_from(root):
    pool = pcam.load(data_root=str(root))
    assert np.array_equal(pool.train_images, coded(TRAIN, offset=32))
    assert np.array_equal(pool.test_images, coded(TEST, first=TRAIN, offset=32))
    assert pool.train_labels.tolist() == [0, 0, 1, 1] * 5
    assert pool.test_labels.tolist() == [0, 0, 1, 1, 0, 0]
    assert pool.train_images.dtype == np.uint8
    assert pool.train_labels.dtype == np.int64
    assert pool.classes == ["normal", "tumour"]


@pytest.fixture
def drive(monkeypatch, patches):
    """Where torchvision fetches PCam from: archives by their number, with the checksums it expects."""
    stored, published = {}, {}
    for part, kinds in PCAM._FILES.items():
        if part == "val":
            continue
        published[part] = {}
        for kind, (name, number, _) in kinds.items():
            stored[number] = gzip.compress(patches[name])
            published[part][kind] = (name, number, md5(stored[number]))
    monkeypatch.setattr(PCAM, "_FILES", published)

    def download(*, id, output, **_):
        if id not in stored:
            raise RuntimeError("Cannot retrieve the public link of the file.\nToo many\nhave viewed it.")
        Path(output).write_bytes(stored[id])

    monkeypatch.setattr("gdown.download", download)
    return stored


@pytest.mark.parametrize("at_once", [4096, 7, 1])
def test_pcam_keeps_the_central_32_pixels_in_order(monkeypatch, patches, tmp_path, at_once):
    monkeypatch.setattr(pcam, "READ_AT_ONCE", at_once)
    assert_patches_loaded_from(write(tmp_path, patches))


def test_pcam_is_downloaded_and_unpacked(drive, tmp_path):
    assert_patches_loaded_from(tmp_path)
    drive.clear()
    assert_patches_loaded_from(tmp_path)


def test_half_of_pcams_download_is_no_data_and_the_next_one_is(drive, tmp_path):
    number = PCAM._FILES["test"]["images"][1]
    whole = drive[number]
    drive[number] = whole[: len(whole) // 2]
    refusal(pcam.load, tmp_path)
    drive[number] = whole
    assert_patches_loaded_from(tmp_path)


def test_pcam_without_data_and_without_network_is_one_line(drive, tmp_path):
    drive.clear()
    assert "Too many have viewed it." in refusal(pcam.load, tmp_path)


@pytest.mark.parametrize("kind", ["train_x", "test_y"])
@pytest.mark.parametrize("kept", [0, 100, -1])
def test_a_truncated_pcam_file_is_one_line(drive, patches, tmp_path, kind, kept):
    drive.clear()
    write(tmp_path, patches)
    name = f"camelyonpatch_level_2_split_{kind}.h5"
    (tmp_path / "pcam" / name).write_bytes(patches[name][:kept])
    refusal(pcam.load, tmp_path)


# The script


def test_preparing_what_is_not_there_ends_in_one_line(tmp_path):
    proxy = f"http://127.0.0.1:{closed_port()}"
    without_network = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), proxy)
    root = tmp_path / "root"
    project = tmp_path / "project"
    project.mkdir()
    command = [sys.executable, ROOT / "workflow/scripts/prepare.py", "--dataset", "x", "--source", "pcam"]
    command += ["--settings", json.dumps({"data_root": str(root)}), "--validation-size", "0.2"]
    done = subprocess.run(
        command,
        cwd=project,
        env={**os.environ, **without_network},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"error: dataset x: data_root {root}: ")
    assert sum(line.startswith("error:") for line in done.stderr.splitlines()) == 1
    assert list(project.iterdir()) == []
