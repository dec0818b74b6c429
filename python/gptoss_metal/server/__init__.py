"""The HTTP server: one turn engine, and every API a thin façade over it."""
