"""The style sheet of the builder's panel. Every selector begins with `.pc`, as those of the pictures do."""

from __future__ import annotations

from ..panels import style_sheet

_RULES = """
.pcb h3{font-size:19px;font-weight:600;margin:0 0 2px;color:var(--ink);line-height:1.3}
.pcb .sub{color:var(--dim);margin:0;font-size:14px}
.pcb .hd{font-size:12px;color:var(--dim)} .pcb .hd b{color:var(--ink)}
.pcb .pcb-bar{display:flex;flex-flow:row wrap;align-items:flex-start;gap:8px;overflow:visible;margin-top:8px}
.pcb .jupyter-button{font-size:13px;color:var(--ink);background:var(--host);border:1px solid var(--idle);
 border-radius:3px;height:28px;line-height:26px;padding:0 9px;width:auto;margin:0;box-shadow:none}
.pcb .jupyter-button.mod-active{background:var(--wall);border-color:var(--wall);color:var(--paper);font-weight:600}
.pcb .widget-toggle-buttons{margin:0;width:auto} .pcb .widget-toggle-buttons .widget-label{display:none}
.pcb .jupyter-button:focus-visible,.pcb input:focus-visible,.pcb .noUi-handle:focus-visible,.pcb pre:focus-visible
 {outline:2.5px solid var(--new);outline-offset:1px}
.pcb .pcb-slide{flex:1 1 320px;min-width:260px;overflow:visible}
.pcb .pcb-slide .widget-slider,.pcb .pcb-slide .widget-hslider{width:100%;margin:0;height:24px;padding:0}
.pcb .pcb-slide .slider-container{margin:0 11px;padding:0}
.pcb .pcb-slide .noUi-connect,.pcb .pcb-slide .noUi-handle{background:var(--wall)}
.pcb .marks{position:relative;height:20px}
.pcb .marks i{position:absolute;top:0;transform:translateX(-50%);width:21px;height:18px;line-height:16px;
 font-style:normal;
 font-size:11px;text-align:center;border-radius:3px;border:1px solid transparent;color:var(--dim);box-sizing:border-box}
.pcb .marks i.done{background:var(--wallt);color:var(--ink)}
.pcb .marks i.cur{background:var(--new);color:var(--paper);font-weight:600}
.pcb .marks i.off{border:1px dashed var(--new);color:var(--new)}
.pcb .marks i.ref{text-decoration:line-through;border:1px dashed var(--idle)}
.pcb .pcb-main{display:grid;grid-template-columns:308px minmax(0,1fr);gap:20px;margin-top:10px;overflow:visible}
.pcb .cap{display:flex;justify-content:space-between;padding:0 4px 4px 8px}
.pcb .pcb-list{overflow:visible;min-width:0}
.pcb .pcb-step{align-items:center;min-height:26px;padding:0 4px 0 5px;border-left:3px solid transparent;
 overflow:visible;break-inside:avoid;flex-flow:row wrap;justify-content:space-between}
.pcb .pcb-step .widget-checkbox{width:auto;height:24px;margin:0;flex:1 1 auto}
.pcb .pcb-step .widget-label-basic{color:var(--ink);font-size:13px;line-height:24px;width:auto;white-space:nowrap;
 overflow:visible;display:flex;align-items:center;height:24px;padding:0}
.pcb .pcb-step input{accent-color:var(--wall);width:15px;height:15px;margin:0 6px 0 0;flex:none}
.pcb .pcb-step .cost{display:flex;align-items:center;font-size:12px;color:var(--dim);font-variant-numeric:tabular-nums}
.pcb .cost .bar{width:50px;height:8px} .pcb .cost .us{width:44px;text-align:right}
.pcb .cost .bar i{display:block;height:8px;min-width:1px;background:var(--wall);border-radius:1px;box-sizing:border-box}
.pcb .note{font-size:11px;color:var(--new);line-height:1.25} .pcb .note.why{padding:0 0 3px 21px}
.pcb p.note{font-size:12px;color:var(--dim);margin:4px 0 0}
.pcb .pcb-todo .widget-label-basic{color:var(--dim)} .pcb .pcb-todo .bar i{background:none;border:1px solid var(--wall)}
.pcb .pcb-cur{border-left-color:var(--new);background:var(--box)} .pcb .pcb-cur .widget-label-basic{font-weight:600}
.pcb .pcb-cur .us{color:var(--new);font-weight:600} .pcb .pcb-cur .bar i{background:var(--new)}
.pcb .pcb-off .widget-label-basic,.pcb .pcb-ref .widget-label-basic{text-decoration:line-through;color:var(--dim)}
.pcb .pcb-off .note{font-weight:600}
.pcb .map{overflow-x:auto}
.pcb .map svg{display:block;width:100%;min-width:648px;max-width:660px;height:auto;margin:auto}
.pcb .calls{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:20px;
 border-top:1px solid var(--rule);margin-top:12px;padding-top:8px}
.pcb .calls pre{margin:4px 0 0;font:12px/1.55 ui-monospace,monospace;color:var(--dim);background:none;
 white-space:pre-wrap;overflow-wrap:break-word;padding:0 0 0 32px;text-indent:-22px;
 border-left:3px solid var(--rule);max-height:10lh;overflow-y:auto}
.pcb .calls pre b{color:var(--ink);font-weight:600}
@container (max-width:975px){.pcb .pcb-main{grid-template-columns:minmax(0,1fr) 648px;gap:12px}
 .pcb .cost .bar{display:none} .pcb .pcb-step{padding-right:0}}
@container (max-width:889px){.pcb .pcb-main{grid-template-columns:minmax(0,1fr);gap:20px} .pcb .cost .bar{display:block}
 .pcb .pcb-list{display:block;columns:2;column-gap:28px} .pcb .calls{grid-template-columns:minmax(0,1fr);gap:10px}}
"""

STYLE = style_sheet("pcb", _RULES)
"""The panel's style sheet, to stand beside that of the pictures."""
