"""The looks of the viewer's pages, their one script, and the policy that lets in nothing else."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root { color-scheme: light dark;
  --ink: light-dark(#1c1917, #e7e5e4); --dim: light-dark(#6b6460, #a8a29e);
  --paper: light-dark(#fdfcfa, #1c1a19); --card: light-dark(#f6f2ec, #262322);
  --line: light-dark(#e4dfd8, #3b3734); --link: light-dark(#9a3412, #fdba74);
  --mark: light-dark(#fde68a, #854d0e); --mark-ink: light-dark(#1c1917, #fefce8);
  --row: light-dark(#fef9e7, #33291a); --warn: light-dark(#fff4e5, #3a2a17);
  --warn-line: light-dark(#c2410c, #fb923c); }
:root[data-theme=light] { color-scheme: light; }
:root[data-theme=dark] { color-scheme: dark; }
* { box-sizing: border-box; }
html { scroll-padding: 36vh 0 28vh; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15.5px/1.65 system-ui, "Noto Sans", "Noto Sans CJK SC", "PingFang SC",
  "Microsoft YaHei", sans-serif; }
header { position: sticky; top: 0; z-index: 2; padding: .6rem 1.1rem .55rem;
  background: var(--paper); border-bottom: 1px solid var(--line); }
h1 { margin: 0; font-size: 1.02rem; line-height: 1.35; overflow-wrap: anywhere; }
header p { margin: .1rem 0 0; font-size: .84rem; line-height: 1.45; overflow-wrap: anywhere; }
header .path { color: var(--dim); font-size: .76rem; overflow: hidden; white-space: nowrap;
  text-overflow: ellipsis; }
nav { display: flex; flex-wrap: wrap; align-items: center; gap: .35rem .9rem; margin-top: .4rem;
  font-size: .84rem; }
nav .turn { display: flex; align-items: center; gap: .5rem; }
nav .step { width: 1.9rem; height: 1.9rem; border: 1px solid var(--line); border-radius: .45rem;
  text-align: center; line-height: 1.75rem; text-decoration: none; font-size: 1.05rem; }
nav span.step { color: var(--line); }
nav a.step:hover { background: var(--card); border-color: var(--link); }
a { color: var(--link); text-underline-offset: .15em; }
a:focus-visible, [tabindex]:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
main { max-width: 52rem; margin: 0 auto; padding: 1rem 1.1rem 4rem; }
.text { margin: 0 0 .75em; white-space: pre-wrap; overflow-wrap: anywhere; }
.item { margin: 0 0 .3em; padding-left: 1.1em; text-indent: -1.1em; }
pre.text { font: .84rem/1.6 ui-monospace, "Noto Sans Mono", "Noto Sans Mono CJK SC", monospace; }
main h2, main h3, main h4 { margin: 1.3em 0 .4em; line-height: 1.35; }
main h2 { font-size: 1.15rem; } main h3 { font-size: 1.02rem; } main h4 { font-size: .94rem; }
main .label + h2, main .label + h3 { margin-top: .2em; }
main > h2:first-child, main > h3:first-child { margin-top: .2em; }
.label { margin: 1.3em 0 .4em; color: var(--dim); font-size: .78rem; font-weight: 600; }
mark { background: var(--mark); color: var(--mark-ink); border-radius: 3px; padding: .1em .05em;
  -webkit-box-decoration-break: clone; box-decoration-break: clone; }
header .note { margin: .45rem 0 0; padding: .35rem .7rem; border-left: 3px solid var(--warn-line);
  background: var(--warn); border-radius: 0 4px 4px 0; max-width: 46rem; }
.more { display: block; margin: .8rem 0; font-size: .88rem; }
.table { margin: 0 0 1rem; max-height: 78vh; overflow: auto; scroll-padding: 30vh 2rem 20vh 4rem;
  border: 1px solid var(--line); border-radius: .45rem; }
table { border-collapse: separate; border-spacing: 0; width: max-content; min-width: 100%;
  font-size: .86rem; line-height: 1.45; }
th, td { padding: .38rem .65rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; min-width: 3.5rem; max-width: 22rem; }
td { overflow-wrap: anywhere; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { position: sticky; top: 0; z-index: 1; background: var(--card); white-space: nowrap; }
tbody th, thead th:empty { min-width: 0; }
tbody th { position: sticky; left: 0; background: var(--card); color: var(--dim);
  font-weight: 400; text-align: right; font-variant-numeric: tabular-nums; }
.cited > td { background: var(--row); }
.cited > th { color: var(--link); font-weight: 700; }
.record { margin: 0 0 1rem; padding: .5rem .8rem; border: 1px solid var(--line);
  border-radius: .45rem; overflow-wrap: anywhere; }
.record div { display: flex; gap: .8rem; }
.record dt { flex: 0 0 min(11rem, 36%); color: var(--dim); }
.record dd { margin: 0; flex: 1; white-space: pre-wrap; }
figure { margin: 0 0 1.2rem; overflow: auto; }
.sheet { display: block; width: 100%; height: auto; background: #fff;
  border: 1px solid var(--line); border-radius: 4px; }
.large .sheet { width: 200%; }
.sheet rect { fill: #ffd84d; mix-blend-mode: multiply; }
.quote { margin: 0; padding: .1rem 0 .1rem .9rem; border-left: 3px solid var(--line); }
main .aside { font-size: .82rem; color: var(--dim); font-weight: 600; margin: 1.2rem 0 .4rem; }
@media (max-width: 40rem) { main { padding: .8rem .8rem 3rem; }
  header { padding: .5rem .8rem; }
  .large .sheet { width: 260%; } }
"""
# Arrow keys turn pages, unless the page is so large that they move over it.
SCRIPT = """
addEventListener("keydown", (event) => {
  const way = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (!way || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = document.querySelector(`a[rel=${way}]`);
  if (!link || document.querySelector("main.large")) return;
  event.preventDefault();
  link.click();
});
"""


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


PAGE_POLICY = (
    f"default-src 'none'; img-src 'self'; style-src 'sha256-{_hash(STYLE)}';"
    f" script-src 'sha256-{_hash(SCRIPT)}'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'"
)
