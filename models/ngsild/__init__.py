"""The building blocks of NGSI-LD (clause 5.2) as Pydantic classes."""
