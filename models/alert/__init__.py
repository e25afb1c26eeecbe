"""Smart Data Models of dataModel.Alert."""
