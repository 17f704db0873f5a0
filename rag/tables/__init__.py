"""Questions over tables: extracted from the stored text, computed, worded, cited to their rows."""
