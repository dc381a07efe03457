"""exempla: write stories of AI systems that act well, train on them beside fair controls, measure what changed.

Start reading at `studies/quickstart.py`, then `pipeline.py`, then `records.py`.
"""

from importlib.metadata import version

__version__ = version("exempla")
