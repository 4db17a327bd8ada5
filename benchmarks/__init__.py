"""Measurements that are run by hand: speed, and how good the embedded model is."""
