"""Readers: a file, a build script or live Lasagne layers become a ``Network``."""
