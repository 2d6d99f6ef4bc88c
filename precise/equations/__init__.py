"""Exact linear equations for the unknown weights of a row, gathered from many regions."""
