"""JSON Schemas and JSON-LD contexts that the product needs at run time."""
