"""Plan: from a traced endpoint to everything that can be known of it before traffic."""
