"""Who may look, and who may act? Guards in front of every page, the strictest first."""
