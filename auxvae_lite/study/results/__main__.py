"""Print the tables of the committed results, or of the files that are named."""

import argparse

from . import load, names, table

parser = argparse.ArgumentParser("python -m auxvae_lite.study.results", description=__doc__)
parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}, or a JSON file; all without it")
try:
    found = [load(name) for name in parser.parse_args().names or names()]
except (OSError, ValueError) as error:
    parser.error(str(error))
print("\n\n".join(map(table, found)))
