"""Smart Data Models of dataModel.Energy."""
