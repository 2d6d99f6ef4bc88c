"""Ways to decide which side of a recovered hyperplane is the active one."""
