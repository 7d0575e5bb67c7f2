"""How are frames and fields of the TWS protocol read and written, version by version?

The reader is lenient (every spelling of "unset" that clients use), the writer strict (the one
spelling that IBKR uses). Facts: ibkr-api.md sections 1.1 to 1.7. Server versions 157, 176 and 178.
"""
