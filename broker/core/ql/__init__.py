"""The query languages (clauses 4.9 to 4.23): parsers, one AST, and the reference evaluator."""
