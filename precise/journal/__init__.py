"""What a run has paid for, in one file: the oracle's answers and the outcomes of finished tasks, for a later resume."""
