"""PDF files: text in reading order, images where they stand."""
