"""Lasagne's layer classes that this version does not translate, each with its reason."""

from __future__ import annotations

from lasport.registry import refuse

_ABSTRACT = "an abstract base class computes nothing; save a net of its subclasses"

refuse(
    _ABSTRACT,
    kinds=[
        "lasagne.layers.base.Layer",
        "lasagne.layers.base.MergeLayer",
        "lasagne.layers.corrmm.MMLayer",
        "lasagne.layers.cuda_convnet.CCLayer",
    ],
)
refuse(
    "a Gate belongs to a recurrent layer and is no layer of its own",
    kinds=["lasagne.layers.recurrent.Gate"],
)
