"""What precision gives a network away: extractions at many precisions, scored, kept, fitted, drawn and written up.

cells -> attempt (from an oracle alone) -> score (against the true weights, apart) -> journal -> summary -> pages
"""
