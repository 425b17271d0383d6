// Draws the figures that the page carries as data; the tables beneath them say the same without this script.
// Colours are names of tokens, so that light and dark come from the stylesheet alone. Nothing moves.
const NARROW = 620;
const GAPS = { 2: 0.14, 3: 0.08 };
const MARGIN = { t: 34, r: 8, b: 44, l: 8 };
const BETWEEN = 92;
const BESIDE = 14;
const STILL = { displayModeBar: false, responsive: false, doubleClick: false, showTips: false };

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Every text that begins with "--" becomes that token's value.
function coloured(value) {
  if (typeof value === "string") return value.startsWith("--") ? token(value) : value;
  if (Array.isArray(value)) return value.map(coloured);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item)]));
  return value;
}

function axis(given) {
  return {
    fixedrange: true, zeroline: false, gridcolor: token("--line"), linecolor: token("--line-strong"),
    separatethousands: true, exponentformat: "none", automargin: true, ticks: "", ...given,
    title: given.title ? { ...given.title, standoff: 6, font: { color: token("--ink-soft"), size: 12 } } : undefined,
  };
}

// A reference such as "x" or "y domain" means the panel's own axis.
function own(item, suffix) {
  const at = (reference) => reference?.replace(/^[xy]/, (letter) => letter + suffix);
  return { ...item, xref: at(item.xref ?? "x"), yref: at(item.yref ?? "y") };
}

// Where panel `index` stands, as shares of the drawing: beside the others, or beneath them.
function domains(panels, index, stacked, height) {
  if (!stacked) {
    const gap = GAPS[panels.length] ?? 0;
    const width = (1 - gap * (panels.length - 1)) / panels.length;
    const left = index * (width + gap);
    const tall = Math.max(...panels.map((panel) => panel.height));
    return { x: [left, left + width], y: [1 - panels[index].height / tall, 1] };
  }
  const above = panels.slice(0, index).reduce((sum, panel) => sum + panel.height + BETWEEN, 0);
  return { x: [0, 1], y: [Math.max(0, 1 - (above + panels[index].height) / height), 1 - above / height] };
}

const ruler = document.createElement("canvas").getContext("2d");
function lengthOf(text) {
  ruler.font = `12px ${token("--sans")}`;
  return ruler.measureText(text).width;
}

// The range of an axis of bars, long enough for the text at the end of each.
function roomy(panel, width) {
  const [from, to] = panel.xaxis.range;
  const ends = panel.traces.flatMap((trace) => (trace.type !== "bar" || trace.orientation !== "h" ? [] : trace.x.map((value, at) => {
    const left = 1 - (lengthOf(trace.text[at]) + BESIDE) / width;
    return left > 0.2 ? value / left : value / 0.2;
  })));
  return [from, Math.max(to, ...ends)];
}

// Upright bars carry their texts side by side: on a narrow drawing none has room.
function textOf(trace, stacked) {
  return stacked && trace.type === "bar" && trace.orientation !== "h" ? { text: undefined } : {};
}

function assembled(figure, width) {
  const { panels } = figure;
  const stacked = width < NARROW;
  const heights = panels.map((panel) => panel.height);
  const inner = stacked ? heights.reduce((sum, one) => sum + one + BETWEEN, -BETWEEN) : Math.max(...heights);
  const traces = [];
  const layout = {
    width, height: inner + MARGIN.t + MARGIN.b, margin: { ...MARGIN, pad: 4 }, showlegend: false, dragmode: false, bargap: 0.35,
    uniformtext: { mode: "hide", minsize: 9 },
    barmode: figure.name === "pools" ? "group" : "overlay",
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest", shapes: [], annotations: [],
    font: { family: token("--sans"), size: 12, color: token("--ink") },
    hoverlabel: { bgcolor: token("--raised"), bordercolor: token("--line-strong"), font: { color: token("--ink") } },
  };
  const names = Math.max(...panels.map((panel) => Math.max(40, ...(panel.yaxis.ticktext ?? []).map(lengthOf))));
  panels.forEach((panel, index) => {
    const suffix = index === 0 ? "" : String(index + 1);
    const place = domains(panels, index, stacked, inner);
    traces.push(...panel.traces.map((trace) => ({ ...trace, ...textOf(trace, stacked), xaxis: `x${suffix}`, yaxis: `y${suffix}` })));
    const room = (place.x[1] - place.x[0]) * (width - names - MARGIN.l - MARGIN.r);
    layout[`xaxis${suffix}`] = { ...axis(panel.xaxis), range: roomy(panel, room), domain: place.x, anchor: `y${suffix}` };
    layout[`yaxis${suffix}`] = { ...axis(panel.yaxis), domain: place.y, anchor: `x${suffix}`, showticklabels: stacked || !panel.repeats };
    layout.shapes.push(...panel.shapes.map((shape) => own(shape, suffix)));
    layout.annotations.push(...panel.annotations.map((label) => own(label, suffix)), heading(panel.title, suffix));
  });
  return { traces: coloured(traces), layout: coloured(layout) };
}

function heading(text, suffix) {
  return {
    text, showarrow: false, x: 0, y: 1, yshift: 18, xanchor: "left", yanchor: "bottom",
    xref: `x${suffix} domain`, yref: `y${suffix} domain`, font: { color: "--ink-soft", size: 12, weight: 600 },
  };
}

function draw(place) {
  const width = Math.floor(place.clientWidth);
  if (!width) return;
  place.dataset.width = width;
  const { traces, layout } = assembled(place.figure, width);
  window.Plotly.react(place, traces, layout, STILL);
}

// The same drawing with its sentence above it, as a file; drawn apart, so that nothing on the page changes.
async function download(place, title, name) {
  const { traces, layout } = assembled(place.figure, Math.max(NARROW, place.clientWidth));
  layout.title = { text: title, x: 0, xanchor: "left", font: { size: 15 } };
  layout.margin = { ...layout.margin, t: layout.margin.t + 40, l: 24, r: 24 };
  layout.height += 40;
  layout.paper_bgcolor = token("--surface");
  const address = await window.Plotly.toImage({ data: traces, layout }, { format: "svg", width: layout.width, height: layout.height });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([decodeURIComponent(address.slice(address.indexOf(",") + 1))], { type: "image/svg+xml" }));
  link.download = `${name}.svg`;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const places = [...document.querySelectorAll("[data-figure]")];
const widths = new ResizeObserver((entries) => {
  for (const { target } of entries) if (Math.floor(target.clientWidth) !== Number(target.dataset.width)) draw(target);
});
for (const place of places) {
  place.figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
  place.hidden = false;
  draw(place);
  widths.observe(place);
  const button = place.closest("figure").querySelector("[data-svg]");
  button.hidden = false;
  button.addEventListener("click", () => download(place, button.dataset.title, button.dataset.svg));
}
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => places.forEach(draw));
