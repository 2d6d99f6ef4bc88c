"""One network around one point: its activation pattern, its linear region and formulas."""
