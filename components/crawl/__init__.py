"""Crawl: WARC, web, HTML, PDF, LaTeX to interleaved documents and images (MINT-1T)."""
