"""What the pages of the book need: checks in cells, trained models to load, decoders for the explorer."""
