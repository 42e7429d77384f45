"""The files of a run: what is written in them, how a run goes on from them."""
