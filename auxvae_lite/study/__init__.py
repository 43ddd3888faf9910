"""What judges the paper: other methods, runs of many seeds, their committed results, and the ledger of claims."""
