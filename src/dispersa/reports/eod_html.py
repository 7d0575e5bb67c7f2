"""How does a report look as HTML, in a browser, a mail client, on a phone, in the dark?

No script, nothing loaded from anywhere. Colors have light values inline in the style sheet and
dark ones under `prefers-color-scheme`; a client that knows no style sheet shows plain tables.
"""

from base64 import b64encode
from collections.abc import Callable
from html import escape

from dispersa.reports.eod_page import Document, Grid, Section, Tile

STYLE = """
:root{color-scheme:light dark;supported-color-schemes:light dark}
*{box-sizing:border-box}
body{margin:0;padding:0;background:#f2f4f7;color:#1b2330;
font:15px/1.5 -apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,Helvetica,Arial,sans-serif}
.page{max-width:720px;margin:0 auto;padding:20px 16px 40px}
h1{font-size:25px;line-height:1.2;margin:0;letter-spacing:-.01em}
.sub{color:#5f6b7b;margin:3px 0 16px;font-size:14px}
.verdict{border-radius:10px;padding:14px 18px;margin:0 0 12px;background:#e4f3ec;color:#0f5138}
.verdict b{display:block;font-size:17px}
.verdict ul{margin:6px 0 0;padding-left:20px}
.verdict.bad{background:#fbe5e2;color:#8a2118}.verdict.warn{background:#fdf0d8;color:#704600}
.tiles{font-size:0;margin:0 -5px 8px}
.tile{display:inline-block;vertical-align:top;width:25%;padding:5px;font-size:14px}
.tile>div{background:#fff;border-radius:10px;padding:11px 13px;min-height:92px}
.tile span{display:block;color:#5f6b7b;font-size:12.5px}
.tile b{display:block;font-size:21px;line-height:1.3;font-variant-numeric:tabular-nums}
.tile i{display:block;font-style:normal;color:#5f6b7b;font-size:12px;line-height:1.35}
section{background:#fff;border-radius:10px;padding:16px 18px;margin:0 0 12px}
h2{font-size:17px;margin:0 0 3px}
p{margin:0 0 8px;color:#4b5767}
img{display:block;width:100%;height:auto;margin:8px 0 4px}
.wide{overflow-x:auto;margin:6px 0 2px}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th{font-weight:500;color:#5f6b7b;border-bottom:1px solid #dfe4ea}
th,td{padding:5px 8px;text-align:right;white-space:nowrap;vertical-align:top}
th:first-child,td:first-child{padding-left:0}th:last-child,td:last-child{padding-right:0}
.l{text-align:left}.w{white-space:normal}
tr+tr td{border-top:1px solid #edf0f4}
tr.sum td{font-weight:600;border-top:1px solid #b9c2cd}
ul.remarks{margin:8px 0 0;padding-left:18px;color:#5f6b7b;font-size:13.5px}
.good{color:#13795b}.bad{color:#c0362c}.warn{color:#8f5b00}.soft{color:#7a8594}
.foot{color:#5f6b7b;font-size:12.5px;margin-top:16px}.foot p{margin:0 0 4px;color:inherit;
overflow-wrap:anywhere}
@media (max-width:560px){.page{padding:14px 10px 30px}h1{font-size:22px}.tile{width:50%}
section{padding:14px 13px}th,td{padding:5px 6px}table{font-size:12.5px}}
@media (max-width:400px){section{padding:14px 10px}table{font-size:11.5px}th,td{padding:5px 4px}}
@media (prefers-color-scheme:dark){body{background:#10141a;color:#e6eaf0}
.sub,.tile span,.tile i,th,.foot,ul.remarks{color:#9ba7b7}p{color:#b6c0cd}
section,.tile>div{background:#191f27}
.verdict{background:#143527;color:#a5e0c6}.verdict.bad{background:#43201d;color:#ffc2ba}
.verdict.warn{background:#3c2d10;color:#f5d597}
th{border-color:#323b48}tr+tr td{border-color:#262e39}tr.sum td{border-color:#4a5666}
.tile .good,.good{color:#4fc9a1}.tile .bad,td.bad{color:#ff8b7d}.warn{color:#e9b658}
.soft{color:#8793a3}}
@media print{body{background:#fff}section,.tile>div{border:1px solid #dfe4ea}
section{break-inside:avoid}}
"""


def mail_html(document: Document) -> str:
    """Return the HTML whose pictures are named `cid:NAME`."""
    return _html(document, lambda name: f"cid:{name}")


def page_html(document: Document) -> str:
    """Return the same as one file, with its pictures inside."""

    def inside(name: str) -> str:
        return f"data:image/png;base64,{b64encode(document.pictures[name]).decode()}"

    return _html(document, inside)


def _html(document: Document, source: Callable[[str], str]) -> str:
    concerns = "".join(f"<li>{escape(one)}</li>" for one in document.concerns)
    concerns = f"<ul>{concerns}</ul>" if concerns else ""
    tiles = "".join(map(_tile, document.tiles))
    sections = "".join(_section(one, source) for one in document.sections)
    footer = "".join(f"<p>{escape(line)}</p>" for line in document.footer)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(document.subject)}</title><style>{STYLE}</style></head><body>"
        f'<div class="page"><h1>{escape(document.title)}</h1>'
        f'<p class="sub">{escape(document.subtitle)}</p>'
        f'<div class="verdict {document.tone}"><b>{escape(document.verdict)}</b>{concerns}</div>'
        f'<div class="tiles">{tiles}</div>{sections}<div class="foot">{footer}</div>'
        "</div></body></html>\n"
    )


def _tile(tile: Tile) -> str:
    return (
        f'<div class="tile"><div><span>{escape(tile.label)}</span>'
        f'<b class="{tile.tone}">{escape(tile.value)}</b><i>{escape(tile.note)}</i></div></div>'
    )


def _section(section: Section, source: Callable[[str], str]) -> str:
    lede = f"<p>{escape(section.lede)}</p>" if section.lede else ""
    picture = ""
    if section.picture:
        words = escape(section.picture_words, quote=True)
        picture = f'<img alt="{words}" src="{source(section.picture)}">'
    grid = "" if section.grid is None else _grid(section.grid)
    remarks = "".join(f"<li>{escape(one)}</li>" for one in section.remarks)
    remarks = f'<ul class="remarks">{remarks}</ul>' if remarks else ""
    return f"<section><h2>{escape(section.title)}</h2>{lede}{picture}{grid}{remarks}</section>"


def _grid(grid: Grid) -> str:
    kinds = [
        f"l{' w' if grid.wraps else ''}" if place < grid.left else ""
        for place in range(len(grid.columns))
    ]
    head = "".join(
        f'<th class="{kind}">{escape(name)}</th>'
        for kind, name in zip(kinds, grid.columns, strict=True)
    )
    rows = []
    for number, row in enumerate(grid.rows, start=1):
        kind = ' class="sum"' if grid.bold_last and number == len(grid.rows) else ""
        cells = "".join(
            f'<td class="{kind}">{escape(cell)}</td>' for kind, cell in zip(kinds, row, strict=True)
        )
        rows.append(f"<tr{kind}>{cells}</tr>")
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(rows)}</table></div>'
