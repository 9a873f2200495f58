"""The style sheet of the meter's panel. Every selector begins with `.pc`, as those of the pictures do."""

from __future__ import annotations

from ..panels import style_sheet

# Curves and sliders side by side, and one below the other where the cell is narrow.
_RULES = """
.pcm h3{font-size:19px;font-weight:600;margin:0 0 2px;color:var(--ink);line-height:1.3;min-height:1.3em}
.pcm .sub{color:var(--dim);margin:0;font-size:14px}
.pcm .pcm-main{display:grid;grid-template-columns:minmax(0,660px) minmax(230px,1fr);gap:20px;margin-top:8px;
 overflow:visible}
.pcm .pcm-side{overflow:visible;min-width:0;align-self:start;margin-top:8px}
.pcm .map{overflow-x:auto}
.pcm .map svg{display:block;width:100%;min-width:504px;max-width:660px;height:auto}
.pcm .cap{font-size:14px;font-weight:600;margin:0 0 2px}
.pcm .pcm-side .widget-hslider{width:100%;margin:0 0 2px;height:30px;display:flex;overflow:visible}
.pcm .pcm-side .widget-label{color:var(--ink);font-size:13px;width:76px;text-align:left;flex:none}
.pcm .pcm-side .widget-readout{color:var(--ink);font-size:13px;width:64px;min-width:64px;text-align:right;flex:none;
 overflow:visible;font-variant-numeric:tabular-nums;border:none}
.pcm .pcm-side .slider-container{flex:1 1 60px;min-width:60px;margin:0 8px}
.pcm .noUi-connect,.pcm .noUi-handle{background:var(--wall)}
.pcm [disabled] .noUi-connect{background:var(--idle)} .pcm [disabled] .noUi-handle{visibility:hidden}
.pcm .widget-hslider:has([disabled]) .widget-label,.pcm .widget-hslider:has([disabled]) .widget-readout
 {color:var(--dim)}
.pcm .jupyter-button{font-size:13px;color:var(--ink);background:var(--host);border:1px solid var(--idle);
 border-radius:3px;height:28px;line-height:26px;padding:0 12px;width:auto;margin:6px 0 0;box-shadow:none;
 align-self:flex-start}
.pcm .jupyter-button:focus-visible,.pcm .noUi-handle:focus-visible
 {outline:2.5px solid var(--new);outline-offset:1px}
.pcm .note{font-size:12px;color:var(--dim);margin-top:8px}
.pcm .why{font-size:13px;color:var(--new);margin-top:8px;font-weight:600}
@container (max-width:900px){.pcm .pcm-main{grid-template-columns:minmax(0,1fr);gap:4px}}
"""

STYLE = style_sheet("pcm", _RULES)
"""The panel's style sheet, to stand beside that of the pictures."""
