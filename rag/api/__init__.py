"""The HTTP API: OpenAI's protocol, searching and asking, and what guards them."""
