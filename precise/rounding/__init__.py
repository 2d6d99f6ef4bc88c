"""Rounded answers as balls: readings, linear algebra that carries radii, and layers known up to a radius."""
