"""Three BFFs over the same three services, and the services."""
