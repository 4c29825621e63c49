"""What the cases beyond the two pages ask for, each the way its users would write it."""
