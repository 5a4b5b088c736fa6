"""Commands about contact lists. Nothing here sends a request."""
