"""Mutates files of every format and reads them: only an object or lasport's error may come of it.

``python -m tests.readers.fuzz --cases 200000 --seed 0 pickle`` for a long run. While a file is
read, an audit hook notes every import, open, exec, compile, socket, process and change of the
file system; each case has a limit of time, and one of memory in proportion to its file. HDF5
files are parsed in C, where a damaged one can end the process: run them on their own.
"""

from __future__ import annotations

import argparse
import bz2
import faulthandler
import io
import os
import pickle
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

import lasport
from lasport.errors import LasportError
from lasport.readers.containers import read_bytes
from lasport.readers.parameters import read_parameters
from tests.python2_pickle import write_pickle

__all__ = ["FORMATS", "Findings", "Guard", "fuzz"]

GOLDEN = Path(__file__).parent.parent / "golden"
DEMO = Path(lasport.__file__).parent / "data" / "digits_bn.pkl"
# Both begin with lasport.readers.files.read_content.
Reader = Callable[[Path], object]
READERS: tuple[Reader, ...] = (lasport.load, read_parameters)
LARGEST_SEED = 20_000
SECONDS = 10
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
    """Return HDF5 files with groups, chunks, filters and names."""

    def plain(stream: io.BytesIO) -> None:
        with h5py.File(stream, "w") as archive:
            archive["layer/W"] = np.arange(6, dtype=np.float32).reshape(2, 3)
            archive["layer/b"] = np.arange(3.0)
            archive["flag"] = np.array([True, False])
            archive.attrs["names"] = np.array([b"W", b"b"])

    def packed(stream: io.BytesIO) -> None:
        with h5py.File(stream, "w", libver="latest") as archive:
            options = {"chunks": (8, 8), "compression": "gzip", "shuffle": True, "fletcher32": True}
            archive.create_dataset("W", data=np.ones((20, 20), np.float32), **options)
            archive.create_dataset("l", data=np.arange(30), compression="lzf")
            archive["text"] = "text"
            archive["link"] = h5py.SoftLink("/W")

    return [written(plain), written(packed)]


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
    for data in [seed for make in FORMATS.values() for seed in make()] + [b"S'x'\n0Vx\n."]:
        read_all(path, data, Guard(), Findings())
    guard.install()
    with warnings.catch_warnings(), time_limit():
        warnings.simplefilter("ignore")  # numpy's, about headers; a warning reads source lines
        for data in seeds:
            read_all(path, data, guard, findings)
        for case in range(cases):
            if case % 10_000 == 9999:
                print(f"{case + 1} files, {len(findings.wrong)} findings", flush=True)
            data = mutate(rng, seeds)
            if kind == "archive" and case % 2:
                data = packed(rng, data)
            read_all(path, data, guard, findings, [rng.choice(READERS)])
    return findings


def main() -> None:
    """Fuzz one kind of files, and exit with 1 where anything was found."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("kind", choices=FORMATS)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    faulthandler.enable()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        findings = fuzz(options.kind, options.cases, options.seed, Path(folder))
    ends = ", ".join(f"{end} {count}" for end, count in findings.ends.most_common())
    print(f"{options.kind}: {options.cases} files in {time.monotonic() - start:.0f} s; {ends}")
    for number, (what, data) in enumerate(findings.wrong.items()):
        finding = Path(tempfile.gettempdir()) / f"{options.kind}-{options.seed}-{number}"
        finding.write_bytes(data)
        print(f"{finding}: {what}")
    raise SystemExit(bool(findings.wrong))


if __name__ == "__main__":
    main()
