"""Smart Data Models of dataModel.ParksAndGardens."""
