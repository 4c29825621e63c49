"""Count the machine instructions of small pieces of work, and hold the counts against a baseline."""
