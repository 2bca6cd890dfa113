"""Checkpoints of TensorFlow, of either version, as weights by name."""

from __future__ import annotations

import os
import re

import numpy as np
import tensorflow as tf

from lasport.errors import UnreadableFileError
from lasport.spec import Array

__all__ = ["read_checkpoint"]

# What version 2 writes behind the name of a variable, and what else it keeps.
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
NO_WEIGHT = re.compile(
    r"_CHECKPOINTABLE_OBJECT_GRAPH|.*/\.OPTIMIZER_SLOT/.*|(optimizer|save_counter).*"
)


def read_checkpoint(prefix: str | os.PathLike[str]) -> dict[str, Array]:
    """Read the variables of a checkpoint.

    Parameters
    ----------
    prefix : path-like
        What a ``Saver`` was given, with the step that it put behind; the files are
        ``PREFIX.index`` and ``PREFIX.data-...``.

    Returns
    -------
    dict of str to ndarray
        By name.

    Raises
    ------
    UnreadableFileError
        If TensorFlow cannot read it.
    """
    name = os.fspath(prefix)
    try:
        reader = tf.train.load_checkpoint(name)
        names = [each for each in reader.get_variable_to_shape_map() if not NO_WEIGHT.match(each)]
        found = {each: np.asarray(reader.get_tensor(each)) for each in names}
    except Exception as error:  # a damaged one can raise anything
        reason = str(error).strip().partition("\n")[0]
        raise UnreadableFileError(f"{name}: TensorFlow cannot load it: {reason}") from error
    return {each.removesuffix(VALUE): found[each] for each in sorted(found)}
