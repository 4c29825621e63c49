"""The same two pages, each the way its users would write them."""
