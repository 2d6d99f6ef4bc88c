"""Is what an extraction under rounding error claims right? Scored as the precision study does."""

from precise.study.enclosures import LayerScore, rest_score, scores

__all__ = ["LayerScore", "rest_score", "scores"]
