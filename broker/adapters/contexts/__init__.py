"""Where JSON-LD contexts come from: the bundled ones and remote servers."""
