"""Smart Data Models of dataModel.Device."""
