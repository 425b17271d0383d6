// Draws the figures that the page carries as data; the tables beneath them say the same without this script.
// Colours are names of tokens, so that light and dark come from the stylesheet alone. Nothing moves.
const NARROW = 620; // panels stand beneath each other on a drawing that is narrower
const GAPS = { 2: 0.14, 3: 0.08 }; // between panels side by side, as a share of the drawing, by their number
const MARGIN = { t: 34, r: 8, b: 44, l: 8 };
const BETWEEN = 92; // from one stacked panel to the next: its axis title and the heading of the next
const BESIDE = 14; // from the end of a bar to its text, and a little beyond
const KEPT_FOR = 1000; // the browser has begun to read the file by then
const LEAST_NAME = 40;
const LEAST_SHARE = 0.2;
const STILL = { displayModeBar: false, responsive: false, doubleClick: false, showTips: false };

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Every text that begins with "--" becomes that token's value.
function coloured(value) {
  if (typeof value === "string") return value.startsWith("--") ? token(value) : value;
  if (Array.isArray(value)) return value.map(coloured);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item)]));
}

function axis(options) {
  const font = { color: "--ink-soft", size: 12 };
  const title = options.title ? { ...options.title, standoff: 6, font } : undefined;
  return {
    fixedrange: true,
    zeroline: false,
    gridcolor: "--line",
    linecolor: "--line-strong",
    separatethousands: true,
    exponentformat: "none",
    automargin: true,
    ticks: "",
    ...options,
    title,
  };
}

// A reference such as "x" or "y domain" means the panel's own axis.
function own(item, suffix) {
  const at = (reference) => reference?.replace(/^[xy]/, (letter) => letter + suffix);
  return { ...item, xref: at(item.xref ?? "x"), yref: at(item.yref ?? "y") };
}

function heightOf(panels, isStacked) {
  const heights = panels.map((panel) => panel.height);
  return isStacked ? heights.reduce((sum, height) => sum + height + BETWEEN, -BETWEEN) : Math.max(...heights);
}

// Where panel `index` stands, as shares of the drawing: beneath the others, or beside them.
function domains(panels, index, isStacked) {
  return isStacked ? domainsBeneath(panels, index) : domainsBeside(panels, index);
}

function domainsBeneath(panels, index) {
  const height = heightOf(panels, true);
  const above = panels.slice(0, index).reduce((sum, panel) => sum + panel.height + BETWEEN, 0);
  return { x: [0, 1], y: [Math.max(0, 1 - (above + panels[index].height) / height), 1 - above / height] };
}

function domainsBeside(panels, index) {
  const gap = GAPS[panels.length] ?? 0;
  const width = (1 - gap * (panels.length - 1)) / panels.length;
  const left = index * (width + gap);
  return { x: [left, left + width], y: [1 - panels[index].height / heightOf(panels, false), 1] };
}

const ruler = document.createElement("canvas").getContext("2d");
function lengthOf(text) {
  ruler.font = `12px ${token("--sans")}`;
  return ruler.measureText(text).width;
}

function isLying(trace) {
  return trace.type === "bar" && trace.orientation === "h";
}

// The range of an axis of bars, long enough for the text at the end of each.
function roomy(panel, width) {
  const [from, to] = panel.xaxis.range;
  const ends = panel.traces
    .filter(isLying)
    .flatMap((trace) => trace.x.map((value, at) => value / share(trace.text[at], width)));
  return [from, Math.max(to, ...ends)];
}

// How much of the axis the text leaves to its bar, and a fifth at least.
function share(text, width) {
  return Math.max(LEAST_SHARE, 1 - (lengthOf(text) + BESIDE) / width);
}

// Upright bars carry their texts side by side: on a narrow drawing none has room.
function textOf(trace, isStacked) {
  return isStacked && trace.type === "bar" && !isLying(trace) ? { text: undefined } : {};
}

function assembled(figure, width) {
  const { panels } = figure;
  const isStacked = width < NARROW;
  const traces = [];
  const layout = frameOf(figure, width, heightOf(panels, isStacked));
  panels.forEach((panel, index) => {
    const suffix = index === 0 ? "" : String(index + 1);
    const domain = domains(panels, index, isStacked);
    traces.push(...tracesOf(panel, suffix, isStacked));
    Object.assign(layout, axesOf(panel, suffix, domain, roomOf(panels, domain, width)));
    layout[`yaxis${suffix}`].showticklabels = isStacked || !panel.repeats;
    layout.shapes.push(...panel.shapes.map((shape) => own(shape, suffix)));
    layout.annotations.push(...panel.annotations.map((label) => own(label, suffix)), heading(panel.title, suffix));
  });
  return { traces: coloured(traces), layout: coloured(layout) };
}

function frameOf(figure, width, height) {
  return {
    width,
    height: height + MARGIN.t + MARGIN.b,
    margin: { ...MARGIN, pad: 4 },
    showlegend: false,
    dragmode: false,
    bargap: 0.35,
    uniformtext: { mode: "hide", minsize: 9 },
    barmode: figure.name === "pools" ? "group" : "overlay",
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hovermode: "closest",
    shapes: [],
    annotations: [],
    font: { family: "--sans", size: 12, color: "--ink" },
    hoverlabel: { bgcolor: "--raised", bordercolor: "--line-strong", font: { color: "--ink" } },
  };
}

function tracesOf(panel, suffix, isStacked) {
  const axes = { xaxis: `x${suffix}`, yaxis: `y${suffix}` };
  return panel.traces.map((trace) => ({ ...trace, ...textOf(trace, isStacked), ...axes }));
}

function axesOf(panel, suffix, domain, room) {
  return {
    [`xaxis${suffix}`]: { ...axis(panel.xaxis), range: roomy(panel, room), domain: domain.x, anchor: `y${suffix}` },
    [`yaxis${suffix}`]: { ...axis(panel.yaxis), domain: domain.y, anchor: `x${suffix}` },
  };
}

// How long a panel's axis is, beside the longest name of all panels.
function roomOf(panels, domain, width) {
  const names = panels.flatMap((panel) => (panel.yaxis.ticktext ?? []).map(lengthOf));
  return (domain.x[1] - domain.x[0]) * (width - Math.max(LEAST_NAME, ...names) - MARGIN.l - MARGIN.r);
}

function heading(text, suffix) {
  return {
    text,
    showarrow: false,
    x: 0,
    y: 1,
    yshift: 18,
    xanchor: "left",
    yanchor: "bottom",
    xref: `x${suffix} domain`,
    yref: `y${suffix} domain`,
    font: { color: "--ink-soft", size: 12, weight: 600 },
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
  const { width, height } = layout;
  const address = await window.Plotly.toImage({ data: traces, layout }, { format: "svg", width, height });
  save(decodeURIComponent(address.slice(address.indexOf(",") + 1)), `${name}.svg`);
}

function save(svg, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), KEPT_FOR);
}

const places = [...document.querySelectorAll("[data-figure]")];
const widths = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (Math.floor(target.clientWidth) !== Number(target.dataset.width)) draw(target);
  }
});

function show(place) {
  place.figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
  place.hidden = false;
  draw(place);
  widths.observe(place);
  const button = place.closest("figure").querySelector("[data-svg]");
  button.hidden = false;
  button.addEventListener("click", () => download(place, button.dataset.title, button.dataset.svg));
}

for (const place of places) show(place);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const place of places) draw(place);
});
