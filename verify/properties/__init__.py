"""What is asked: a region of inputs and a claim about two networks on it."""
