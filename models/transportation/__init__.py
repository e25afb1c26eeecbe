"""Smart Data Models of dataModel.Transportation."""
