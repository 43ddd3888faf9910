"""Print the tables of the committed results, or of the files that are named."""

import sys

from . import load, names, table

print("\n\n".join(table(load(name)) for name in sys.argv[1:] or names()))
