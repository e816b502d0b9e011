"""HEI-NW: does a frozen small language model answer from an episodic memory it was taught a minute before?

`hei-nw` runs the experiment; `hei-nw remember` and `hei-nw ask` use the same parts on a person's own files.
"""

from hei_nw.build import Bench, build

__all__ = ["Bench", "build"]
