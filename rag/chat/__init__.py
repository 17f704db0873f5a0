"""What the chat page shows, apart from Chainlit: Markdown, words, sources, streaming."""
