"""Which networks are the same function for a reason: canonical form, and what its proof needs."""
