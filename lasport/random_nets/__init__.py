"""Nets drawn at random, made without Lasagne: what lasport's own tests and its users' test with."""

from lasport.random_nets.grow import random_network
from lasport.random_nets.recipes import RECIPES

__all__ = ["RECIPES", "random_network"]
