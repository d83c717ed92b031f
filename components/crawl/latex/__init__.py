"""ArXiv sources: LaTeX to interleaved items with their figures."""
