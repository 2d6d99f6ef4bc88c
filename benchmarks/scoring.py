"""How much of the true network an extraction recovered, layer by layer: scored as the precision study does."""

from precise.study.exact_rows import Score, score

__all__ = ["Score", "score"]
