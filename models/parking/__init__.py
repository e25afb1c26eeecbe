"""Smart Data Models of dataModel.Parking."""
