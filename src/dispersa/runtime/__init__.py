"""How is everything wired? Configuration, event loop, and the live loop around the desk."""
