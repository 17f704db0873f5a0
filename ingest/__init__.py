"""From a folder of documents to a searchable index."""
