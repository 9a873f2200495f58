"""The style sheet of the dashboard. Every selector begins with `.pc`, as those of the pictures do."""

from __future__ import annotations

from ..panels import style_sheet

# A picture keeps nine tenths of its size at least: in a narrower cell the one that is laid out for it is shown.
_RULES = """
.pcd .pcd-row{display:flex;flex-flow:row wrap;gap:4px 20px;align-items:center;overflow:visible;margin-top:6px}
.pcd .widget-label{color:var(--ink);font-size:13px;width:auto;margin-right:8px;flex:none}
.pcd .widget-dropdown{width:260px;margin:0}
.pcd .widget-dropdown>select{color:var(--ink);border:1px solid var(--idle);font-size:13px;padding-right:22px;
 background:linear-gradient(45deg,transparent 50%,var(--ink) 50%) calc(100% - 13px) 52%/5px 5px no-repeat,
 linear-gradient(135deg,var(--ink) 50%,transparent 50%) calc(100% - 8px) 52%/5px 5px no-repeat,var(--host)}
.pcd .pcd-engines{display:grid;grid-template-columns:repeat(auto-fill,minmax(206px,1fr));overflow:visible;
 margin-top:8px;padding:6px 8px;border:1px solid var(--rule);border-radius:6px}
.pcd .widget-checkbox{width:auto;height:26px;margin:0}
.pcd .widget-checkbox .widget-label-basic{color:var(--ink);font-size:13px;width:auto;display:flex;align-items:center;
 white-space:nowrap;overflow:visible;height:26px;line-height:26px;padding:0}
.pcd .widget-checkbox input{accent-color:var(--wall);width:15px;height:15px;margin:0 6px 0 0;flex:none}
.pcd .pcd-absent .widget-label-basic{color:var(--dim);font-style:italic}
.pcd .widget-hslider{width:290px;margin:0;height:30px;overflow:visible}
.pcd .widget-readout{color:var(--ink);font-size:13px;width:44px;min-width:44px;text-align:right;border:none;
 font-variant-numeric:tabular-nums;background:none}
.pcd .noUi-connect,.pcd .noUi-handle{background:var(--wall)}
.pcd [disabled] .noUi-handle,.pcd [disabled] .noUi-connect{background:var(--idle)}
.pcd .jupyter-button{font-size:13px;color:var(--ink);background:var(--host);border:1px solid var(--idle);
 border-radius:3px;height:28px;line-height:26px;padding:0 14px;width:auto;margin:0;box-shadow:none}
.pcd .jupyter-button:focus-visible,.pcd input:focus-visible,.pcd select:focus-visible,.pcd .noUi-handle:focus-visible
 {outline:2.5px solid var(--new);outline-offset:1px}
.pcd .widget-hprogress{width:260px;height:12px;margin:0;align-self:center}
.pcd .widget-hprogress>.progress{margin:0}
.pcd .progress{background:var(--host);border:1px solid var(--idle);height:12px;border-radius:2px;box-sizing:border-box}
.pcd .progress-bar{background:var(--wall);height:10px;border-radius:0}
.pcd .note{font-size:12px;color:var(--dim);margin:6px 0 0}
.pcd .said{font-size:13px;margin:8px 0 0;min-height:1.4em}
.pcd .why{color:var(--new);font-weight:600}
.pcd .runs{overflow-x:auto;margin-top:12px;border-top:1px solid var(--rule);padding-top:8px}
.pcd .runs table{border-collapse:collapse;font-size:13px;margin:0;border:none;font-variant-numeric:tabular-nums}
.pcd .runs caption{text-align:left;font-size:13px;color:var(--dim);padding:0 0 4px;caption-side:top}
.pcd .runs th,.pcd .runs td{padding:3px 18px 3px 0;text-align:left;color:var(--ink);background:none;border:none;
 white-space:nowrap;font-size:13px}
.pcd .runs thead th{border-bottom:1px solid var(--idle)} .pcd .runs tbody th{font-weight:400}
.pcd .map{overflow-x:auto}
.pcd .map svg{display:block;width:100%;min-width:882px;max-width:980px;height:auto;margin-top:8px}
.pcd .map .small{display:none} .pcd .map .small svg{min-width:583px;max-width:648px}
@container (max-width:920px){.pcd .map .small{display:block} .pcd .map .wide{display:none}}
"""

STYLE = style_sheet("pcd", _RULES)
"""The panel's style sheet, to stand beside that of the pictures."""
