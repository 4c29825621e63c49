"""See where the time of a page goes: a flame graph of a server under load, and a table by part."""
