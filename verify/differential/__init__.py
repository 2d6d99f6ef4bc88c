"""How far two networks can differ on a region: bounds, search, and branch and bound."""
