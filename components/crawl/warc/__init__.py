"""WARC files: reading byte ranges of them, damaged ones too, and writing them."""
