"""The asset graph: ties what the TLC publishes to the stores that keep it."""
