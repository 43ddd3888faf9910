"""Print the tables of the committed results, or of the files that are named."""

import argparse

from . import by_variant, load, names, pool, pool_table, table

parser = argparse.ArgumentParser("python -m auxvae_lite.study.results", description=__doc__)
parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}, or a JSON file; all without it")
parser.add_argument(
    "--pool", action="store_true", help="each run of the galaxies beside all committed runs with the same settings"
)
options = parser.parse_args()
try:
    found = [load(name) for name in options.names or names()]
except (OSError, ValueError) as error:
    parser.error(str(error))
if not options.pool:
    print("\n\n".join(map(table, found)))
for result in found if options.pool else []:
    for variant, runs in by_variant(result).items():
        for run in runs:
            stored = pool(result, variant)
            print(f"\n{result['experiment']}, {variant}, seed {run['seed']}, beside {len(stored)} stored runs")
            if stored:
                print(pool_table(stored, run=run["scores"]))
