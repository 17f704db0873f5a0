"""Measures retrieval on test collections."""
