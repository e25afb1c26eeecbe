"""Smart Data Models of dataModel.Streetlighting."""
