"""The BFF for phones."""
