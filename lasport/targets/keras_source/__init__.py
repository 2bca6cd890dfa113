"""Keras calls as the script that somebody would have written."""

from lasport.targets.keras_source.script import keras_source, weights_beside

__all__ = ["keras_source", "weights_beside"]
