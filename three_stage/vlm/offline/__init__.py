"""The embedded model: an HTTP application that speaks the OpenAI protocol and measures pictures.

It receives nothing but the HTTP body and fills the schema it is sent with what it measured:
colours, places in the view, kinds of motion, and the points at which they change. A request
without a schema is a conversation: its question is answered in words, as far as it can be measured.
"""

from three_stage.vlm.offline.app import create_app

__all__ = ["create_app"]
