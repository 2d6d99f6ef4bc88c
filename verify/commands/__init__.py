"""The verbs of the command `verify`, one module each."""
