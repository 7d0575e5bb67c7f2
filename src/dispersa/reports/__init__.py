"""How do we tell people what happened? Tables for terminals, pages for browsers and mail."""
