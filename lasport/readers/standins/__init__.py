"""Modules that stand in for Lasagne and Theano while a build script runs.

They know what a script can say about a net, and compute nothing: layers are made of the families
that lasport declares, initial values are only shapes, and symbolic expressions note down what they
would have been. What comes out of them is read as live layers are (:mod:`lasport.readers.live`).
"""
