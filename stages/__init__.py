"""The recipe: what the pipeline is, for one video. Here a user looks and edits."""
