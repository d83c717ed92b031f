"""Web pages: the DOM to interleaved items, by main content or by the rules of OBELICS."""
