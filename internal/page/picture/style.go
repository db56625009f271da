package picture

// CSS is what a page with pictures has in its style sheet. The colours are the page's: it
// sets --good and --bad, else the text's own is used.
const CSS = `.pic{--pic-good:var(--good,currentColor);--pic-bad:var(--bad,currentColor)}
.pic figure{margin:0 0 1.2rem}
.pic figcaption{font-weight:600;margin-bottom:.3rem}
.pic-all{display:block;width:100%;font-size:.8rem;overflow:visible}
.pic-all text{fill:currentColor}
.pic-all .pic-mark{font-size:.85rem;overflow:visible}
.pic-grid{stroke:currentColor;stroke-opacity:.15}
.pic-axis{stroke:currentColor;stroke-opacity:.6}
.pic-span{fill:var(--pic-good)}
.pic-point{stroke:var(--pic-good);stroke-width:3;fill:none}
.pic-quiet{fill:var(--pic-good);fill-opacity:.22;stroke:var(--pic-good)}
.pic-gap{stroke:var(--pic-bad)}
.pic-hatch{stroke:var(--pic-bad);stroke-width:2;fill:none}
.pic-back{fill:var(--back,Canvas)}
.pic-new{stroke:currentColor}
.pic-dot{fill:currentColor}
.pic-tick{stroke:currentColor;stroke-width:1.5;fill:none}
.pic-good{fill:var(--pic-good)}
.pic-bad{stroke:var(--pic-bad);stroke-width:3;fill:none}
.pic-legend{list-style:none;margin:0 0 1rem;padding:0;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;font-size:.85rem}
.pic-legend li{display:flex;align-items:center;gap:.4rem}
.pic-legend svg{flex:none}
.pic-tables table{width:100%;border-collapse:collapse;font-size:.85rem;margin:.6rem 0}
.pic-tables caption{text-align:left;font-weight:600;padding:.3rem 0}
.pic-tables caption,.pic-tables th,.pic-tables td{white-space:normal}
.pic-tables th,.pic-tables td{text-align:left;vertical-align:top;padding:.25rem .4rem .25rem 0;border-bottom:1px solid;border-color:color-mix(in srgb,currentColor 20%,transparent);overflow-wrap:anywhere}
.pic-gap-row td{font-style:italic}
`
