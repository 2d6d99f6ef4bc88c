"""The verbs of the command `precise`, one module each."""
