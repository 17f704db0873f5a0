"""Answers over whole documents: summaries, comparisons, lists."""
