"""Smart Data Models of dataModel.WasteManagement."""
