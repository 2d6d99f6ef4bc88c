"""Signatures: a neuron's row up to its sign, traced, completed and confirmed."""
