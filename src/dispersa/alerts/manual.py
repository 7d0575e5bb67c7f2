"""How does the manual of alarms read? Written from the catalog, so that it can not differ."""

from dispersa.alerts.catalog import GROUPS, WORDINGS

HEAD = """# Alarms

Every alert that `dispersa` sends says what happened, what the system did and what you can do. This
page has all of them. Words in {braces} come from the record: a name, a reason, a time. What the
broker or a person wrote is cleaned first: one line, no control characters, account numbers with
their middle hidden, nothing that follows a word such as password or token.

**Critical** means that trading stopped, money is at risk, or you must decide now; it is never
folded or held back. **Warning** means that something is not as planned and the system coped.
**Info** can wait until tomorrow. How they are sent: [Be told](../how-to/alerts.md).

This page is written by `python -m dispersa.alerts.manual`; change `dispersa/alerts/catalog.py`.
"""


def manual() -> str:
    """Return the page as Markdown."""
    parts = [HEAD]
    for group, names in GROUPS.items():
        parts.append(f"## {group}\n")
        parts += [_entry(name) for name in names]
    return "\n".join(parts)


def _entry(name: str) -> str:
    found = WORDINGS[name]
    return (
        f"### {found.headline}\n\n"
        f"`{name}` · {found.severity.value}\n\n"
        f"{found.means}\n\n"
        f"- **What happened:** {found.happened}\n"
        f"- **What the system did:** {found.done}\n"
        f"- **What you can do:** {found.options}\n"
    )


if __name__ == "__main__":
    print(manual(), end="")
