"""Smart Data Models of dataModel.Environment."""
