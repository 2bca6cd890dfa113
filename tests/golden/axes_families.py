"""The golden cases of layers that move axes or take parts of them.

Rows are those of ``families.py``. Most batches hold one small example: a record keeps every output
five times.
"""

from families import one_layer, prefixed


def dimshuffled(*args, **options):
    """Build a net of one DimshuffleLayer."""
    import lasagne

    kept = [axis for axis in options["pattern"] if axis != "x"]
    if lasagne.__version__ == "0.1" and len(kept) < len(options["source"]):
        raise AttributeError("its input layers let no axis of size 1 be dropped")
    return one_layer(*args, **options)


DIMSHUFFLE = prefixed(
    "dimshuffle_",
    "DimshuffleLayer",
    [
        ("swaps", {"pattern": (0, 2, 1)}, "all behind the batch change places"),
        ("inserts", {"pattern": (0, "x", 2, 1)}, "a new axis"),
        ("inserts_open", {"pattern": (0, 1, 2, "x"), "source": (None, 2, None)}, "open sizes"),
        ("drops", {"pattern": (0, 2), "source": (3, 1, 4)}, "an axis of size 1 goes"),
        (
            "drops_and_inserts",
            {"pattern": ("x", 3, 0, 2), "source": (3, 1, 4, 2)},
            "the batch is no longer first",
        ),
        ("batch_last", {"pattern": (2, 1, 0), "source": (None, 2, 4)}, "an open batch moves"),
        ("nothing", {"pattern": [0, 1, 2]}, "nothing happens"),
        ("images", {"pattern": (0, 2, 3, 1), "source": (1, 2, 4, 3)}, "channels last"),
    ],
    source=(1, 2, 4),
)

SLICE = prefixed(
    "slice_",
    "SliceLayer",
    [
        ("place", {"indices": 2}, "one place of the last axis, which goes"),
        ("last_place", {"indices": -1, "axis": 1}, "counted from the end"),
        ("open_place", {"indices": -1, "axis": 1, "source": (None, None, 2)}, "an open size"),
        ("range", {"indices": slice(1, 4)}, "a range, the axis stays"),
        ("steps", {"indices": slice(None, None, -2), "axis": 2}, "backwards in steps"),
        ("to_the_end", {"indices": slice(-3, None), "axis": -1}, "from the end"),
        ("channels", {"indices": slice(0, 1), "axis": 1, "source": (1, 2, 4, 3)}, "of an image"),
        ("rows", {"indices": 1, "axis": 2, "source": (1, 2, 4, 3)}, "a row of an image"),
        ("batch", {"indices": slice(0, 2), "axis": 0, "source": (3, 2)}, "examples"),
        ("open_range", {"indices": slice(1, -1), "source": (None, 2, None)}, "an open size"),
    ],
    source=(1, 2, 5),
)

# family, how it is built, its table, settings that its cases share
AXES_FAMILIES = [
    ("dimshuffle", dimshuffled, DIMSHUFFLE, {}),
    ("slice", one_layer, SLICE, {}),
]
