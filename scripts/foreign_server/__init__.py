"""Talks between our client and servers of others, with a tiny model built on the spot."""
