"""The oracle as a piecewise linear function: its linear regions, their maps, borders and ways among them."""
