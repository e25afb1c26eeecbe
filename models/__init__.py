"""Smart Data Models as Pydantic classes, one entity type a file."""
