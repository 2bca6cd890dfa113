"""The public functions: thin, each one a walk along the story of the data."""

from lasport.api.building import (
    convert,
    feature_model,
    lasagne_param_values,
    to_keras,
    to_source,
    to_tf1,
)
from lasport.api.diagnosing import diagnose
from lasport.api.loading import StrPath, from_lasagne, load, simplify
from lasport.api.proving import export, record, tf1_program, verify

__all__ = [
    "StrPath",
    "convert",
    "diagnose",
    "export",
    "feature_model",
    "from_lasagne",
    "lasagne_param_values",
    "load",
    "record",
    "simplify",
    "tf1_program",
    "to_keras",
    "to_source",
    "to_tf1",
    "verify",
]
