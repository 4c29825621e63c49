"""The BFF for shelf displays and other small devices."""
