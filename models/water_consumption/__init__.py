"""Smart Data Models of dataModel.WaterConsumption."""
