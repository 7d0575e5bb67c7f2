"""What did the market show in the past, and how do we read and keep it?

Readers turn foreign files into frozen, columnar tables; nothing here prices or decides. The
modules of this room import polars (half a second): import them where a command needs them.
"""
