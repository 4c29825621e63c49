"""Three BFFs over the same four services, and the services."""
