"""One module per resource of clause 6."""
