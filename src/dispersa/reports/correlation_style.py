"""How does the correlation report look, in light and in dark?"""

STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5c6675;--page:#f6f7f9;--card:#fff;
--rule:#e3e6eb;--implied:#1f5fbf;--realized:#c2570c;--realized63:#d99a5b;--forecast:#0f8a6a;
--after:#8a4fbf;--muted:#98a1af;--gain:#2a9d78;--loss:#c8553d;--heat:#1f5fbf}
@media (prefers-color-scheme:dark){:root{--ink:#e7ebf1;--soft:#9aa5b4;--page:#12161c;
--card:#1a2029;--rule:#2b3340;--implied:#6ea8ff;--realized:#f2935c;--realized63:#b98a63;
--forecast:#4fc9a4;--after:#bb90ea;--muted:#6c7686;--gain:#46bd95;--loss:#e0765f;--heat:#6ea8ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1060px;margin:0 auto;padding:32px 20px 60px}
h1{font-size:30px;letter-spacing:-.02em;margin:0 0 4px}
h2{font-size:18px;margin:0 0 4px}
p{color:var(--soft);margin:0 0 14px;max-width:78ch}
header p{margin-bottom:20px}
section{background:var(--card);border:1px solid var(--rule);border-radius:10px;
padding:20px 22px;margin:0 0 18px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(128px,1fr));gap:10px;
margin:0 0 18px}
.tile{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:12px 14px}
.tile span{display:block;font-size:12px;color:var(--soft)}
.tile b{font-size:24px;font-weight:600;font-variant-numeric:tabular-nums}
.tile i{display:block;font-size:12px;font-style:normal;color:var(--soft);min-height:18px}
svg{display:block;width:100%;height:auto;margin:6px 0 10px;overflow:visible}
.grid{stroke:var(--rule)}.zero{stroke:var(--muted)}
.tick{fill:var(--soft);font-size:11.5px}.cellname{fill:var(--ink);font-size:11px}
.label{font-size:12.5px;font-weight:600}
.line{fill:none;stroke-width:2;stroke-linejoin:round}
.point{opacity:0}.point:hover{opacity:1}
.band{opacity:.12}
.cell{fill:var(--heat)}.hole{fill:none;stroke:var(--rule);stroke-dasharray:2 2}
.scroll{max-height:460px;overflow:auto;border:1px solid var(--rule);border-radius:8px}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
thead th,thead td{position:sticky;top:0;background:var(--card);color:var(--soft);font-weight:500;
border-bottom:1px solid var(--rule)}
th,td{padding:5px 10px;text-align:right}
th{text-align:left;font-weight:600}
tbody tr+tr{border-top:1px solid var(--rule)}
.words td{text-align:left}.words td.num{text-align:right}
.wide{overflow-x:auto}
ul{margin:6px 0 0;padding-left:20px;color:var(--soft)}
.empty{font-style:italic}
@media (max-width:640px){main{padding:18px 12px 40px}h1{font-size:24px}section{padding:14px 12px}
.picture{overflow-x:auto}.picture svg{min-width:620px}th,td{padding:5px 7px}
.tiles{grid-template-columns:repeat(2,1fr)}}
@media print{body{background:#fff}.scroll{max-height:none}section{break-inside:avoid}}
"""
