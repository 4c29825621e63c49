"""The BFF for browsers."""
