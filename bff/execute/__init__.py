"""Execute: run a plan for one request."""
