"""What a page costs with `bff`, and written by hand."""
