"""Comparing a port with an oracle's record, and saying what was found."""
