"""JEXL, the expressions of FIWARE's provisioning, with JavaScript's values and FIWARE's transforms."""
