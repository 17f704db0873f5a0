"""Commands that measure: each prints its figures and writes them to bench/results/."""
