"""The IoT agents: from MQTT and LoRaWAN messages to NGSI-LD entities."""
