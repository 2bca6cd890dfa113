"""From steps to Keras calls, as data.

Each step becomes one call or a few: a layer class, its arguments, its weights.
Nothing here imports Keras; executing the calls gives a model, printing them
gives a script. Which layers a call may name depends on the profile:

stock
    Layers that Keras ships, wherever they compute the same in inference and in
    the forward pass of training.
exact
    Own layers wherever stock ones part company in training: averages of
    inv_std, gradients of rectifiers at 0 and of maxima at ties.
"""

from lasport.targets.keras_calls.assemble import keras_calls
from lasport.targets.keras_calls.call import PROFILES, Call, Calls, Profile

__all__ = ["PROFILES", "Call", "Calls", "Profile", "keras_calls"]
