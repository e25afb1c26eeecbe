"""MQTT, the NGSI-LD client, and the device store."""
