"""Extraction under rounding error: partial signatures at critical points, matched, completed, confirmed and signed."""
