"""Answers as JSON that a given schema allows, each value looked up in the sources."""
