"""One layer at a time: the hidden ones, what they missed, the first one's full width, and the last."""
