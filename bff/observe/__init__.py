"""What observers of other systems make of our events: traces and metrics, each behind an extra of its own."""
