"""Answers and search results kept, so that the same question is answered at once."""
