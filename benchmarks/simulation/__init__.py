"""How policies fare when an upstream gets into trouble, in virtual time."""
