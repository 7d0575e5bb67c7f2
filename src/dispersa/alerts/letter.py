"""How does an alert look as an HTML mail? Narrow, large, the same order as the text."""

from html import escape

from dispersa.alerts.alert import Alert, Severity
from dispersa.alerts.rendering import Sender, market_time

_COLORS = {
    Severity.INFO: "#2f6fb3",
    Severity.WARNING: "#b26a00",
    Severity.CRITICAL: "#c0362c",
}
_STYLE = """
:root{color-scheme:light dark;supported-color-schemes:light dark}
body{margin:0;padding:0;background:#f3f5f8;color:#1b2330;
font:16px/1.5 -apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif}
.card{max-width:560px;margin:0 auto;background:#ffffff;border-radius:0 0 10px 10px}
.in{padding:18px 22px 22px}
h1{font-size:22px;line-height:1.25;margin:0 0 14px}
h2{font-size:12px;letter-spacing:.06em;text-transform:uppercase;color:#667085;margin:16px 0 2px}
p{margin:0}
a.go{display:block;text-align:center;color:#ffffff;text-decoration:none;font-weight:600;
padding:13px 16px;border-radius:8px;margin:20px 0 0}
.foot{color:#667085;font-size:13px;margin-top:18px}
@media (prefers-color-scheme:dark){body{background:#11151b!important;color:#e8ecf2!important}
.card{background:#1a2028!important}h2,.foot{color:#9aa6b6!important}}
"""


def letter_html(alert: Alert, sender: Sender) -> str:
    """Return the HTML of an alert's mail; it loads nothing from anywhere."""
    color = _COLORS[alert.severity]
    parts = "".join(
        f"<h2>{title}</h2><p>{escape(text)}</p>"
        for title, text in (
            ("What happened", alert.happened),
            ("What the system did", alert.done),
            ("What you can do", alert.options),
        )
    )
    link = ""
    if alert.link is not None:
        address = escape(alert.link, quote=True)
        link = f'<a class="go" style="background:{color}" href="{address}">Open the page</a>'
    grade = f"{alert.severity.value.upper()} · {sender.profile.upper()}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<style>{_STYLE}</style></head><body>"
        f'<div class="card"><div style="background:{color};color:#ffffff;padding:9px 22px;'
        f'font-size:13px;font-weight:600;letter-spacing:.04em">{escape(grade)}</div>'
        f'<div class="in"><h1>{escape(alert.headline)}</h1>{parts}{link}'
        f'<p class="foot">{escape(market_time(alert.at))} · {escape(sender.account)} · alert '
        f"{escape(alert.alert_id)}</p></div></div></body></html>\n"
    )
