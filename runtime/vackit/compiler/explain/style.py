# SPDX-License-Identifier: Apache-2.0
"""The style sheet of the report: one page, light or dark as the reader's system is."""

CSS = """
:root { --ink: #1c2530; --soft: #5d6b7a; --line: #dde3ea; --back: #ffffff; --card: #f6f8fa;
  --single: #2563b8; --entire: #c2410c; --outputs: #6b7280; --lost: #c2410c; --good: #15803d;
  --mark: #9aa6b2; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ef; --soft: #9aa7b5; --line: #313b47;
  --back: #14191f; --card: #1c232b; --single: #6ea8fe; --entire: #fb923c; --outputs: #98a2ae;
  --lost: #fb923c; --good: #4ade80; --mark: #5b6875; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 28px 24px 60px; max-width: 1100px; color: var(--ink);
  background: var(--back); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 23px; margin: 0 0 2px; } h2 { font-size: 18px; margin: 34px 0 8px; }
h3 { font-size: 15px; margin: 0 0 4px; overflow-wrap: anywhere; }
p { margin: 4px 0 10px; } .soft { color: var(--soft); } .small { font-size: 13px; }
code, pre, .name { font-family: ui-monospace, "SFMono-Regular", Menlo, Consolas, monospace; }
.name { font-size: 13px; overflow-wrap: anywhere; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 14px; font-size: 13px; white-space: pre-wrap; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin: 18px 0 8px; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 12px 14px; }
.tile b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; }
.card { margin: 14px 0; padding: 14px 16px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); gap: 14px; }
.legend span { display: inline-block; margin-right: 18px; }
.legend i { display: inline-block; width: 18px; height: 3px; margin: 0 6px 4px 0;
  border-radius: 2px; }
i.single { background: var(--single); } i.entire { background: var(--entire); }
i.outputs { background: var(--outputs); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { text-align: left; color: var(--soft); font-weight: 600; border-bottom: 2px solid var(--line);
  position: sticky; top: 0; background: var(--back); }
th, td { padding: 5px 10px 5px 0; vertical-align: top; }
td { border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
td.patch { min-width: 210px; }
.badge { display: inline-block; padding: 0 7px; border-radius: 9px; font-size: 12px;
  border: 1px solid var(--line); color: var(--soft); white-space: nowrap; }
.badge.bad { color: var(--lost); border-color: var(--lost); }
.up { color: var(--good); } .down { color: var(--lost); }
svg { width: 100%; height: auto; display: block; }
svg .grid { stroke: var(--line); } svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
svg .tick, svg .axis, svg text.level { text-anchor: end; }
svg line.mark { stroke: var(--mark); stroke-dasharray: 2 3; }
svg polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
svg polyline.single { stroke: var(--single); } svg polyline.entire { stroke: var(--entire); }
svg polyline.outputs { stroke: var(--outputs); stroke-dasharray: 4 3; }
svg circle.single { fill: var(--single); } svg circle.entire { fill: var(--entire); }
svg circle.outputs { fill: var(--outputs); }
svg path.bars { stroke: var(--single); fill: none; }
svg path.bars.lost { stroke: var(--lost); }
svg rect.bar { fill: var(--single); } svg rect.lost { fill: var(--lost); }
svg line.level { stroke: var(--lost); stroke-width: 1.4; } svg text.level { fill: var(--lost); }
"""
