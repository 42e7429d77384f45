"""The files of a run: their contents, and how a run goes on from them."""
