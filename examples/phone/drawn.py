"""Parameters and images for the net of a phone's size, the same on Python 2 and 3."""

import numpy as np


def draw_values(params):
    """Draw values for (name, shape) that keep the images' scale from layer to layer."""
    rng = np.random.RandomState(0)
    values = []
    for name, shape in params:
        if name == "W":
            fan_in = np.prod(shape[1:]) if len(shape) == 4 else shape[0]
            value = rng.normal(0, (2.0 / fan_in) ** 0.5, shape)
        elif name in ("gamma", "inv_std"):
            value = rng.uniform(0.8, 1.2, shape)
        else:
            value = rng.normal(0, 0.1, shape)
        values.append(value.astype(np.float32))
    return values


def draw_images(count, seed):
    """Draw patches of colour: over fine noise the pool would average."""
    patches = np.random.RandomState(seed).normal(0, 2, (count, 3, 4, 4)).astype(np.float32)
    return patches.repeat(16, axis=2).repeat(16, axis=3)
