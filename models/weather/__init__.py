"""Smart Data Models of dataModel.Weather."""
