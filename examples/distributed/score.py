"""Scoring a large array of images on several devices, with a way back in after an interruption.

The images stay on disk, in a .npy file with Lasagne's axes. What the net gives for them goes into
files of some thousand rows, each of which is there whole or not at all. Started once more, the
program computes what is missing, and puts all of it together::

    python score.py NET.pkl IMAGES.npy --output DIRECTORY --devices 2

DIRECTORY/scores.npy then has a row for each image. On a terminal, a line shows how far it is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf
from train import make_strategy

import lasport

# --- 1. What there is to do


class Parts:
    """Scores in the files of a directory, of ``size`` rows each, and fewer in the last one."""

    def __init__(self, directory, rows, size):
        self.directory, self.rows, self.size = directory, rows, size

    def path(self, first):
        return self.directory / f"rows-{first:012d}.npy"

    def stop(self, first):
        return min(first + self.size, self.rows)

    def missing(self):
        """Return the first rows of the parts that are not there."""
        return [first for first in range(0, self.rows, self.size) if not self.path(first).exists()]

    def join(self, path):
        """Write one array, with one part at a time in memory."""
        head = np.load(self.path(0), mmap_mode="r")
        with whole(path) as partial:
            shape = (self.rows, *head.shape[1:])
            joined = np.lib.format.open_memmap(partial, "w+", head.dtype, shape)
            for first in range(0, self.rows, self.size):
                joined[first : self.stop(first)] = np.load(self.path(first))
            joined.flush()


@contextmanager
def whole(path):
    """Give a name to write to; the file gets its own when it is complete."""
    partial = path.with_name(path.name + ".partial")
    yield partial
    partial.replace(path)


def start_or_resume(directory, run):
    """Refuse a directory with scores of another net or of other images."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "run.json"
    if not path.exists():
        if any(directory.glob("*.npy")):
            raise SystemExit(f"{directory} has files that are not this program's")
        with whole(path) as partial:
            partial.write_text(json.dumps(run), encoding="utf-8")
    found = json.loads(path.read_text("utf-8"))
    others = [key for key in run if found.get(key) != run[key]]
    if others:
        raise SystemExit(f"{directory} has scores of another run: other {', '.join(others)}")


# --- 2. The images


def make_batches(strategy, images, parts, batch):
    """Return batches of row numbers and images, which the strategy splits.

    A batch holds rows of one part. The last one of a part may have too few: then it repeats a row,
    by the number -1. With nothing for one of the devices, convolutions would fail there.
    """

    def rows_of(first):
        stop = tf.minimum(first + parts.size, parts.rows)
        filled = first + (stop - first + batch - 1) // batch * batch
        return tf.data.Dataset.range(first, filled).map(lambda row: tf.where(row < stop, row, -1))

    def read(rows):
        taken = tf.numpy_function(
            lambda rows: images[np.where(rows < 0, rows.max(), rows)], [rows], images.dtype
        )
        return rows, tf.ensure_shape(taken, (batch, *images.shape[1:]))

    firsts = tf.data.Dataset.from_tensor_slices(np.array(parts.missing(), dtype=np.int64))
    batches = firsts.flat_map(rows_of).batch(batch, drop_remainder=True).map(read)
    return strategy.experimental_distribute_dataset(batches.prefetch(tf.data.AUTOTUNE))


# --- 3. The scores


def score(strategy, model, batches):
    """Yield row numbers and scores, batch by batch."""

    @tf.function(input_signature=[batches.element_spec])
    def step(batch):
        return strategy.run(lambda rows, images: (rows, model(images, training=False)), batch)

    for batch in batches:
        rows, scores = (np.concatenate(strategy.experimental_local_results(x)) for x in step(batch))
        yield rows[rows >= 0], scores[rows >= 0]


def fill(parts, scored, progress):
    """Write each part when all of its rows are there, once each."""
    begun = {}
    for rows, scores in scored:
        first = int(rows[0] - rows[0] % parts.size)
        if first not in begun:
            length = parts.stop(first) - first
            begun[first] = (
                np.empty((length, *scores.shape[1:]), scores.dtype),
                np.zeros(length, int),
            )
        values, times = begun[first]
        values[rows - first] = scores
        np.add.at(times, rows - first, 1)
        progress(len(rows))
        if times.all():
            if times.max() > 1:
                raise RuntimeError(f"rows of the part from {first} on came twice")
            with whole(parts.path(first)) as partial, partial.open("wb") as stream:
                np.save(stream, begun.pop(first)[0])
    if begun:
        raise RuntimeError(f"rows are missing in the parts from {sorted(begun)} on")


def show_progress(done, total):
    """Return a function that is told of rows, and shows them if somebody looks on."""
    began, count = time.monotonic(), 0

    def progress(rows):
        nonlocal count
        count += rows
        if sys.stderr.isatty():
            rate = count / (time.monotonic() - began)
            left = (total - done - count) / rate
            end = "\n" if done + count == total else ""
            line = f"\r{done + count} of {total} rows, {rate:.0f} a second, {left:.0f} s left"
            print(f"{line:<70}", end=end, file=sys.stderr, flush=True)

    return progress


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("net", type=Path, help="a pickled net with one input and one output")
    parser.add_argument("images", type=Path, help="a .npy file, axes as the net took them")
    parser.add_argument("--output", type=Path, required=True, metavar="DIRECTORY")
    parser.add_argument("--devices", type=int, help="parts of the processor (default: all GPUs)")
    parser.add_argument("--batch", type=int, default=256, help="rows for one device at a time")
    parser.add_argument("--part", type=int, default=16384, help="rows in one file of scores")
    options = parser.parse_args()

    images = np.load(options.images, mmap_mode="r")
    run = {
        "net": hashlib.sha256(options.net.read_bytes()).hexdigest(),
        "images": [images.shape[0], images.dtype.str, options.images.stat().st_mtime_ns],
        "part": options.part,
    }
    start_or_resume(options.output, run)
    parts = Parts(options.output, len(images), options.part)
    done = len(images) - sum(parts.stop(first) - first for first in parts.missing())
    if done < len(images):
        strategy = make_strategy(options.devices)
        with strategy.scope():
            model = lasport.convert(options.net)
        batch = options.batch * strategy.num_replicas_in_sync
        scored = score(strategy, model, make_batches(strategy, images, parts, batch))
        fill(parts, scored, show_progress(done, len(images)))
    parts.join(options.output / "scores.npy")
    print(f"{len(images)} rows, {done} of them from before")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on from here")
