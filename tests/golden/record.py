"""Record the golden cases with the real Lasagne; see README.md beside this file.

    python tests/golden/record.py                       all records, pickles and MANIFEST.json
    python tests/golden/record.py NAME ...              some cases
    python tests/golden/record.py --manifest            only MANIFEST.json, of the files that exist
    python tests/golden/record.py --pickles LABEL ...   only pickles, NAME.LABEL.pkl, of nets whose
                                                        records exist
Runs on Python 2.7 to 3.11, wherever Lasagne 0.2.dev1 can be imported.
"""

from __future__ import print_function

import argparse
import bz2
import gzip
import hashlib
import io
import itertools
import json
import os
import pickle
import sys
import zipfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(ROOT, "lasport", "oracles"))

import probe  # noqa: E402 - found in the folders just named
from cases import CASES, arguments, build, seed  # noqa: E402

COMMIT = "5d3c63cb315c50b1cbd27a6bc8664b406f34dd99"
COMMAND = "PYTHONHASHSEED=0 PYTHONPATH=LASAGNE python2.7 tests/golden/record.py"

PICKLED_AGAIN = [  # nets that other versions pickle too
    "net_lenet",
    "net_vgg_block",
    "net_residual_block",
    "net_inception",
    "net_autoencoder",
    "net_batchnorm_after_rectify",
    "net_two_inputs_two_outputs",
    "net_odd_names",
    "net_digits",
    "net_shared_weights",
]
# Nets that are pickled once more after training, with the graph that then clings to their dropout.
TRAINED = {"net_fixed_batch": ".bz2"}
# Of each file's SHA-256 the manifest holds so many hexadecimal digits.
DIGITS = 16
# Of the other versions' pickles, these are compressed.
COMPRESSED = {"net_vgg_block": ".xz", "net_lenet": ".gz"}


def import_theano():
    """Import Theano with the probe's flags; on a current Python through lasport's repairs."""
    os.environ["THEANO_FLAGS"] = probe.FLAGS + "," + os.environ.get("THEANO_FLAGS", "")
    if sys.version_info >= (3, 10):
        sys.path.append(ROOT)
        from lasport import theano_compat

        theano_compat.install()
    import theano

    return theano


def train_once(net):
    """Build a training function, as everybody did before pickling: the net keeps its graph."""
    import theano
    from lasagne import layers, updates

    outputs = probe.list_outputs(net)
    inputs = [x.input_var for x in layers.get_all_layers(outputs) if hasattr(x, "input_var")]
    loss = sum((value**2).mean() for value in layers.get_output(outputs))
    params = layers.get_all_params(outputs, trainable=True)
    theano.function(inputs, loss, updates=updates.sgd(loss, params, learning_rate=0.1))


def write(filename, content):
    """Write bytes to a temporary name in this folder, then move them to their place."""
    path = os.path.join(HERE, filename)
    with open(path + ".partial", "wb") as stream:
        stream.write(content)
    os.rename(path + ".partial", path)


def compress(content, suffix):
    """Return content compressed as the suffix says."""
    if suffix == ".gz":
        buffer = io.BytesIO()
        with gzip.GzipFile("", "wb", 9, buffer, mtime=0) as stream:
            stream.write(content)
        return buffer.getvalue()
    if suffix == ".bz2":
        return bz2.compress(content, 9)
    if suffix == ".xz":
        import lzma  # Python 3 only

        return lzma.compress(content)
    return content


def build_alone(name, theano):
    """Build a net whose pickle does not depend on what was built before it."""
    theano.gof.graph.Variable.__count__ = itertools.count(0)  # is part of their automatic names
    return build(name)


def record_case(name, theano, protocol):
    """Write the pickle and the record of one case, and the pickle of the trained net."""
    net = build_alone(name, theano)
    write(name + ".pkl.bz2", compress(pickle.dumps(net, protocol), ".bz2"))
    # Far smaller than arrays that an npz compresses one by one.
    content = io.BytesIO()
    probe.write_arrays(content, probe.probe_layers(net, **arguments(name)), zipfile.ZIP_STORED)
    write(name + ".npz.bz2", compress(content.getvalue(), ".bz2"))
    if name in TRAINED:
        train_once(net)
        suffix = TRAINED[name]
        write(name + ".trained.pkl" + suffix, compress(pickle.dumps(net, protocol), suffix))


def pickle_again(label, theano, protocols):
    """Pickle some nets under another Python or Theano: the same nets with the same parameters."""
    for i, name in enumerate(PICKLED_AGAIN):
        content = pickle.dumps(build_alone(name, theano), protocols[i % len(protocols)])
        suffix = COMPRESSED.get(name, "")
        write("%s.%s.pkl%s" % (name, label, suffix), compress(content, suffix))


def write_manifest():
    """Describe every case and every file."""
    files = sorted(name for name in os.listdir(HERE) if ".npz" in name or ".pkl" in name)
    sums = {}
    for filename in files:
        with open(os.path.join(HERE, filename), "rb") as stream:
            sums[filename] = hashlib.sha256(stream.read()).hexdigest()[:DIGITS]
    import numpy as np

    with open(os.path.join(HERE, "input_alone.npz.bz2"), "rb") as stream:
        archive = np.load(io.BytesIO(bz2.decompress(stream.read())))
    meta = json.loads(str(archive["meta"]))
    manifest = {
        "versions": dict((key, meta[key]) for key in ("python", "numpy", "theano", "lasagne")),
        "lasagne_commit": COMMIT,
        "command": COMMAND,
        "cases": [
            {
                "name": name,
                "family": case.family,
                "pins": case.pins,
                "seed": seed(name),
                "files": dict((f, sums[f]) for f in files if f.partition(".")[0] == name),
            }
            for name, case in CASES.items()
        ],
    }
    cases = [json.dumps(case, sort_keys=True) for case in manifest.pop("cases")]  # a line each
    rest = json.dumps(manifest, indent=1, sort_keys=True, separators=(",", ": "))
    text = '{\n "cases": [\n%s\n ],%s' % (",\n".join(cases), rest[1:])
    write("MANIFEST.json", (text + "\n").encode("ascii"))


def main():
    """Record what the command line asks for."""
    parser = argparse.ArgumentParser(description="Record the golden cases with the real Lasagne.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases (default: all)")
    parser.add_argument("--pickles", metavar="LABEL", help="only pickles: NAME.LABEL.pkl")
    parser.add_argument("--manifest", action="store_true", help="only write MANIFEST.json")
    options = parser.parse_args()
    if options.manifest:
        write_manifest()
        return
    theano = import_theano()
    protocols = list(range(pickle.HIGHEST_PROTOCOL + 1))
    if options.pickles:
        pickle_again(options.pickles, theano, protocols[2:])
        write_manifest()
        return
    for name in CASES:
        if options.names and name not in options.names:
            continue
        record_case(name, theano, protocols[seed(name) % len(protocols)])
        print(name)
    write_manifest()


if __name__ == "__main__":
    main()
