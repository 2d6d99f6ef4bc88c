"""Oracles of every precision, each with the error that it promises."""
