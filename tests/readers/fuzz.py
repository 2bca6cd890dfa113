"""Mutates files of every format and reads them: only an object or lasport's error may come of it.

``python -m tests.readers.fuzz --cases 200000 --seed 0 pickle`` for a long run. While a file is
read, an audit hook notes every import, open, exec, compile, socket, process and change of the
file system; each case has a limit of time, and one of memory in proportion to its file. HDF5
files are parsed in C, where a damaged one can end the process: ``--batch`` starts others.
"""

from __future__ import annotations

import argparse
import bz2
import faulthandler
import io
import os
import pickle
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import lasport
from lasport.errors import LasportError
from lasport.readers.containers import allowed_size, read_bytes
from lasport.readers.hdf5_process import read_datasets
from lasport.readers.parameters import read_parameters
from tests.python2_pickle import write_pickle

__all__ = ["FORMATS", "Findings", "Guard", "fuzz"]

GOLDEN = Path(__file__).parent.parent / "golden"
DEMO = Path(lasport.__file__).parent / "data" / "digits_bn.pkl"
# Both begin with lasport.readers.files.read_content.
Reader = Callable[[Path], object]
READERS: tuple[Reader, ...] = (lasport.load, read_parameters)


def read_hdf5_here(path: Path) -> None:
    """Read HDF5 data in this process, as lasport does in another one."""
    with path.open("rb") as stream:
        read_datasets(stream, allowed_size(stream), lambda name, array: None)


READERS_OF: Mapping[str, tuple[Reader, ...]] = {
    "pickle": READERS,
    "archive": READERS,
    "hdf5": (read_hdf5_here,),
}
LARGEST_SEED = 20_000
SECONDS = 10
# Of one process; more is what a file did to a library.
MAX_MEMORY, MAX_SECONDS = 2**32, 600
# What one file may let the process grow by. A pickle may take 400 times its size.
GROWTH = 2**25

# Events that reading needs and that reach nothing; all others are findings.
HARMLESS = (
    "object.__getattr__",
    "object.__setattr__",
    "object.__delattr__",
    "builtins.id",
    "gc.",
    "sys._getframe",
    "array.__new__",
    "code.__new__",
    "marshal.",
)


@dataclass
class Guard:
    """Notes what the interpreter does between :meth:`watch`'s beginning and end."""

    path: str = ""
    watching: bool = False
    seen: list[str] = field(default_factory=list)

    def install(self) -> None:
        """Begin to listen; Python offers no way to end it."""
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[object, ...]) -> None:
        if not self.watching or event.startswith(HARMLESS):
            return
        if event == "open" and str(args[0]) == self.path:
            return
        self.seen.append(f"{event} {args!r}"[:200])

    @contextmanager
    def watch(self, path: Path) -> Iterator[None]:
        """Listen while one file is read, which itself may be opened."""
        self.path, self.watching, self.seen = str(path), True, []
        try:
            yield
        finally:
            self.watching = False


@dataclass
class Findings:
    """What went wrong, each kind with the first file that showed it; and how files ended."""

    wrong: dict[str, bytes] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)

    def add(self, what: str, data: bytes) -> None:
        self.wrong.setdefault(what, data)


def pickles() -> list[bytes]:
    """Return small pickles: recorded nets, arrays of each protocol, public files where they are."""
    arrays = [np.arange(12).astype(code).reshape(3, 4) for code in ("<f4", ">f8", "<i2", "?")]
    values = [
        arrays,
        {"W": arrays[0], "b": [1, 2.5, None, "é", b"\xff", {1, 2}, frozenset({3}), 1j]},
        [np.array([[1], None], object), np.float32(0.5), slice(1, 2), bytearray(b"abc"), range(3)],
    ]
    seeds = [pickle.dumps(value, protocol) for value in values for protocol in range(6)]
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large"
        write_pickle([np.zeros(17_000, np.float32), {"a": np.ones((2, 3))}], large)
        seeds.append(large.read_bytes())
    files = [*sorted(GOLDEN.glob("*.pkl*")), DEMO]
    corpus = os.environ.get("LASPORT_CORPUS")
    if corpus:
        files += [p for p in sorted(Path(corpus).rglob("*")) if p.suffix in (".pkl", ".p", ".pcl")]
    return seeds + [data for data in map(read_bytes, files) if len(data) < LARGEST_SEED]


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def archives() -> list[bytes]:
    """Return npy files, npz archives and archives of ``theano.misc.pkl_utils``."""
    first, second = np.arange(6, dtype=np.float32).reshape(2, 3), np.arange(3.0)
    objects = np.array([first, second], dtype=object)
    seeds = [written(lambda s, a=a: np.save(s, a)) for a in (first, second, first.T, objects)]
    for save in (np.savez, np.savez_compressed):
        seeds.append(written(lambda s, save=save: save(s, first, second)))
        seeds.append(written(lambda s, save=save: save(s, W=first, b=second, o=objects)))

    def pkl_utils(stream: io.BytesIO) -> None:
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("array_0", written(lambda s: np.save(s, first)))
            archive.writestr("pkl", b"\x80\x02]U\x0dndarray.array_0Qa.")

    seeds.append(written(pkl_utils))
    packed = [bz2.compress(seeds[0])]
    return seeds + packed


def hdf5_files() -> list[bytes]:
    """Return HDF5 files of old and new layouts: groups, chunks, filters, links, types and names."""
    return [
        written(lambda stream, fill=fill, options=options: _fill(stream, fill, options))
        for fill in (_plain, _chunked, _types, _links, _numbered)
        for options in ({"libver": "earliest"}, {"libver": "latest"})
    ] + [written(lambda stream: _fill(stream, _plain, {"userblock_size": 512}))]


def _fill(stream: io.BytesIO, fill: Callable[[h5py.File], None], options: dict[str, Any]) -> None:
    with h5py.File(stream, "w", **options) as archive:
        fill(archive)


def _plain(archive: h5py.File) -> None:
    archive["layer/W"] = np.arange(6, dtype=np.float32).reshape(2, 3)
    archive["layer/b"] = np.arange(3.0)
    archive["flag"] = np.array([True, False])
    archive.attrs["names"] = np.array([b"W", b"b"])


def _chunked(archive: h5py.File) -> None:
    values, whole = np.ones((12, 10), np.float32), np.arange(120).reshape(12, 10)
    chunks: dict[str, Any] = {"chunks": (5, 4)}
    archive.create_dataset("gzip", data=values, compression="gzip", shuffle=True, **chunks)
    archive.create_dataset("lzf", data=whole, compression="lzf", fletcher32=True, **chunks)
    archive.create_dataset("scaled", data=whole, scaleoffset=0, **chunks)
    archive.create_dataset("one", data=values, chunks=(12, 10))
    archive.create_dataset("growing", data=values, maxshape=(None, 10), **chunks)
    archive.create_dataset("free", data=values, maxshape=(None, None), **chunks)
    archive.create_dataset("holes", (40, 40), "f4", fillvalue=2, **chunks)[3, 4] = 1


def _types(archive: h5py.File) -> None:
    for code in ("<f2", ">f4", "<f8", "|i1", ">u2", "<i8"):
        archive[code[1:]] = np.arange(5).astype(code)
    archive["text"] = "text"
    archive["texts"] = np.array([b"a", b"bc"])
    archive["record"] = np.zeros(3, [("a", "<f4"), ("b", "<i2", 2)])
    ragged = archive.create_dataset("ragged", (2,), h5py.vlen_dtype(np.int32))
    ragged[:] = [np.arange(2), np.arange(3)]
    archive["empty"] = h5py.Empty("f4")
    archive["none"] = np.zeros((0, 3), np.float32)
    archive["scalar"] = 1.5
    archive["type"] = np.dtype("<f4")


def _links(archive: h5py.File) -> None:
    archive["a/b/c/W"] = np.arange(4.0)
    archive["a/again"] = archive["a/b"]
    archive["a/b/up"] = archive["a"]
    archive["soft"] = h5py.SoftLink("/a/b/c/W")
    archive["elsewhere"] = h5py.ExternalLink("other.h5", "/W")
    archive["nowhere"] = h5py.SoftLink("/nothing")
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "W", (4,))
    archive.create_virtual_dataset("virtual", layout)
    archive["reference"] = archive["a"].ref


def _numbered(archive: h5py.File) -> None:
    for number in range(20):  # more than a group of the new layout keeps in its header
        archive[f"param_{number:02}"] = np.full((2, 3), number, np.float32)
    for number in range(12):
        archive.attrs[f"about {number}"] = number


FORMATS: dict[str, Callable[[], list[bytes]]] = {
    "pickle": pickles,
    "archive": archives,
    "hdf5": hdf5_files,
}
# Values that sizes and counts break on.
EDGES = [b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x00" * 8]


def mutate(rng: random.Random, seeds: list[bytes]) -> bytes:
    """Return a seed with a few changes: bytes flipped, cut, repeated, moved, or of another seed."""
    # Small ones more often: more of their bytes matter, and they take less time.
    data = bytearray(min(rng.choices(seeds, k=2), key=len))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        if not data:
            break
        place, length = rng.randrange(len(data)), rng.choice((1, 1, 2, 4, 8, 40, 400))
        match rng.randrange(7):
            case 0:
                data[place] = rng.randrange(256)
            case 1:
                data[place] ^= 1 << rng.randrange(8)
            case 2:
                edge = rng.choice(EDGES)
                data[place : place + len(edge)] = edge
            case 3:
                del data[place : place + length]
            case 4:
                data[place:place] = data[place : place + length] * rng.choice((1, 2, 10))
            case 5:
                other = rng.choice(seeds)
                start = rng.randrange(len(other))
                data[place:place] = other[start : start + length]
            case 6:
                data[place : place + length] = rng.randbytes(length)
    return bytes(data)


def peak() -> int:
    """Return the most memory that this process ever held, in bytes."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # What the line above gives on Linux begins with that of the process before exec.
    return 1024 * int(status.read_text("ascii").partition("VmHWM:")[2].split()[0])


def read_all(
    path: Path, data: bytes, guard: Guard, findings: Findings, readers: Sequence[Reader] = READERS
) -> None:
    """Read one file with some readers, and note what should not have happened."""
    path.write_bytes(data)
    for reader in readers:
        before = peak()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        caught: Exception | None = None
        with guard.watch(path):
            try:
                reader(path)
            except Exception as error:  # noqa: BLE001 - this is what is looked for
                caught = error
        signal.setitimer(signal.ITIMER_PROF, 0)
        findings.ends[type(caught).__name__ if caught else "read"] += 1
        if caught and not isinstance(caught, LasportError):
            frame = traceback.extract_tb(caught.__traceback__)[-1]
            place = f"{Path(frame.filename).name}:{frame.lineno}"
            findings.add(f"{type(caught).__name__} at {place}: {caught}"[:150], data)
        for event in guard.seen:
            findings.add(event, data)
        grown = peak() - before
        if grown > GROWTH:
            findings.add(f"{reader.__name__} took {grown >> 20} MiB", data)


def packed(rng: random.Random, data: bytes) -> bytes:
    """Return an archive whose checksums fit what is in it."""
    method, name = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)), "arr_0.npy"

    def archive(stream: io.BytesIO) -> None:
        with zipfile.ZipFile(stream, "w", method) as members:
            members.writestr(rng.choice((name, "pkl")), data)

    return written(archive)


@contextmanager
def time_limit() -> Iterator[None]:
    """Let cases end that take more than their seconds of processor time."""

    def too_long(number: int, frame: object) -> None:
        raise TimeoutError(f"longer than {SECONDS} s")

    before = signal.signal(signal.SIGPROF, too_long)
    try:
        yield
    finally:
        signal.signal(signal.SIGPROF, before)


def fuzz(kind: str, cases: int, seed: int, folder: Path) -> Findings:
    """Read `cases` mutated files of a kind; the last one stays in `folder` if the process ends."""
    rng, seeds, findings, guard = random.Random(seed), FORMATS[kind](), Findings(), Guard()
    path = folder / f"case-{seed}"
    # What the readers import when they need it, and codecs, are modules.
    for name in ("hdf5",) if kind == "hdf5" else ("pickle", "archive"):
        for data in [*FORMATS[name](), b"S'x'\n0Vx\n."]:
            read_all(path, data, Guard(), Findings(), READERS_OF[name])
    guard.install()
    with warnings.catch_warnings(), time_limit():
        warnings.simplefilter("ignore")  # numpy's, about headers; a warning reads source lines
        for data in seeds:
            read_all(path, data, guard, findings, READERS_OF[kind])
        for case in range(cases):
            if case % 10_000 == 9999:
                print(f"{case + 1} files, {len(findings.wrong)} findings", flush=True)
            data = mutate(rng, seeds)
            if kind == "archive" and case % 2:
                data = packed(rng, data)
            read_all(path, data, guard, findings, [rng.choice(READERS_OF[kind])])
    return findings


def fuzz_in_processes(kind: str, cases: int, seed: int, folder: Path, batch: int) -> Findings:
    """Do the same in one process after another, which a file may end."""
    findings = Findings()
    for first in range(seed, seed + -(-cases // batch)):
        command = [sys.executable, "-m", "tests.readers.fuzz", kind, f"--seed={first}"]
        run = subprocess.run(
            [*command, f"--cases={batch}", f"--folder={folder}"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            preexec_fn=_limit,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode not in (0, 1):
            # What lasport reads in a process of its own may end it.
            last = folder / f"case-{first}"
            findings.ends["process_ended"] += 1
            if kind != "hdf5":
                findings.add(f"ended the process: {run.stderr[-300:]}", last.read_bytes())
            continue
        for end, count in re.findall(r"(\w+) (\d+)(?:,|$)", run.stdout.splitlines()[-1]):
            findings.ends[end] += int(count)
        for what, file in re.findall(r"^(.+) in (\S+)$", run.stdout, re.MULTILINE):
            findings.add(what, Path(file).read_bytes())
    return findings


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))


def main() -> None:
    """Fuzz one kind of files, and exit with 1 where anything was found."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("kind", choices=FORMATS)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where files are written")
    parser.add_argument("--batch", type=int, help="files for each of several processes")
    options = parser.parse_args()
    faulthandler.enable()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        run = (options.kind, options.cases, options.seed, options.folder or Path(temporary))
        findings = fuzz_in_processes(*run, options.batch) if options.batch else fuzz(*run)
    for number, (what, data) in enumerate(findings.wrong.items()):
        finding = Path(tempfile.gettempdir()) / f"{options.kind}-{options.seed}-{number}"
        finding.write_bytes(data)
        print(f"{what} in {finding}")
    ends = ", ".join(f"{end} {count}" for end, count in findings.ends.most_common())
    print(f"{options.kind}: {options.cases} files in {time.monotonic() - start:.0f} s; {ends}")
    raise SystemExit(bool(findings.wrong))


if __name__ == "__main__":
    main()
