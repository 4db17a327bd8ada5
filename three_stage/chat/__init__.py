"""Talk about an uploaded video: conversations, HTTP routes, the page (``web/``)."""
