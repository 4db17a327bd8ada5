"""Tests of three_stage.media."""
