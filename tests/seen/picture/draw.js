// Draws a dashboard as its JSON says and Grafana would: panels by gridPos, units, legends, thresholds, mappings, stacks.
// What Grafana would show to nobody's use is written in red, as a fault: no data, a unit that is not known here, two
// series of one name. `asked` is {board, from, to, step, answers: {panel id: {refId: result}}}; times are in seconds.
"use strict";

const COLUMN = 60, CELL = 30, GAP = 8;
const PALETTE = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#37872d", "#e0b400", "#1f60c4",
  "#fa6400", "#c4162a", "#8f3bb8", "#96d98d", "#8ab8ff", "#ffb357"];
const NAMED = {green: "#73bf69", red: "#f2495c", orange: "#ff9830", blue: "#5794f2", text: "#ccccdc",
  transparent: "#ccccdc", yellow: "#fade2a", purple: "#b877d9"};

// Units: the ids of Grafana's value formats, with what they do to a number.
const scaled = (steps, limit) => (value, decimals) => {
  let step = 0;
  while (Math.abs(value) >= limit && step < steps.length - 1) { value /= limit; step += 1; }
  return rounded(value, decimals) + steps[step];
};
const counted = (suffix) => scaled(["", "K", "M", "B"].map((step) => ` ${step}${suffix}`.trimEnd()), 1000);
const SPANS = [["ns", 1e-9], ["µs", 1e-6], ["ms", 1e-3], ["s", 1], ["mins", 60], ["hours", 3600], ["days", 86400],
  ["weeks", 604800], ["years", 31536000]];
const UNITS = {
  none: (value, decimals) => rounded(value, decimals),
  short: counted(""),
  percentunit: (value, decimals) => `${rounded(value * 100, decimals)}%`,
  ops: counted("ops/s"), reqps: counted("req/s"), eps: counted("evt/s"),
  bytes: scaled([" B", " KiB", " MiB", " GiB"], 1024),
  s: (value, decimals) => {
    if (value === 0) return "0 s";
    const [name, one] = SPANS.findLast(([, one]) => Math.abs(value) >= one) ?? SPANS[0];
    return `${rounded(value / one, decimals)} ${name}`;
  },
};

function rounded(value, decimals) {
  const places = decimals ?? (Number.isInteger(value) ? 0 : Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
  return String(Number(value.toFixed(decimals ?? Math.max(places, value && Math.abs(value) < 0.1 ? 4 : 0))));
}

function element(name, attributes = {}, ...inner) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inner);
  return made;
}

function drawn(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const fault = (text) => element("span", {class: "fault"}, text);

// All series of a panel: what they are called, and [time, number] of each moment that has a number.
function series(panel) {
  const named = (target, labels) =>
    target.legendFormat?.replace(/\{\{(\w+)\}\}/g, (_, label) => labels[label] ?? "") || "Value";
  return panel.targets.flatMap((target) => (asked.answers[panel.id][target.refId] ?? []).map((one) => ({
    name: named(target, one.metric),
    labels: one.metric,
    points: (one.values ?? [one.value]).map(([time, value]) => [time, Number(value)])
      .filter(([, value]) => Number.isFinite(value)),
  }))).filter((one) => one.points.length > 0);
}

// A unit of one's own is `count:` and a word.
const unitOf = (unit) => UNITS[unit] ?? (unit?.startsWith("count:") ? counted(unit.slice("count:".length)) : undefined);

function format(panel) {
  const {unit, decimals} = panel.fieldConfig.defaults;
  const known = unitOf(unit);
  return known ? (value) => known(value, decimals) : () => `${unit}?`;
}

function stepped(panel, value) {
  const steps = panel.fieldConfig.defaults.thresholds?.steps ?? [];
  return NAMED[steps.filter((step) => step.value === null || step.value <= value).at(-1)?.color] ?? NAMED.text;
}

// The palette's colour of a series, unless an override names one, or a range of shades.
function colour(panel, name, index) {
  const fits = ({matcher: {id, options}}) => (id === "byName" ? options === name
    : new RegExp(options.replace(/^\/|\/$/g, "")).test(name));
  const properties = panel.fieldConfig.overrides.filter(fits).flatMap((override) => override.properties);
  const named = properties.findLast((property) => property.id === "color")?.value;
  if (!named) return PALETTE[index % PALETTE.length];
  const share = named.mode === "shades" ? 100 - 16 * (index % 5) : 100;
  return `color-mix(in srgb, ${NAMED[named.fixedColor]} ${share}%, ${index % 2 ? "black" : "white"})`;
}

function stat(panel, all) {
  const last = all[0].points.at(-1)[1];
  const text = format(panel)(last), size = Math.min(32, 14 * panel.gridPos.w * 6 / text.length);
  return element("div", {class: "stat", style: `color: ${stepped(panel, last)}; font-size: ${size}px`}, text);
}

function table(panel, all) {
  const {excludeByName = {}, renameByName = {}} = panel.transformations?.[0]?.options ?? {};
  const columns = [...new Set(all.flatMap((one) => Object.keys(one.labels)))].filter((name) => !excludeByName[name]);
  const head = columns.map((name) => element("th", {}, renameByName[name] ?? name));
  const rows = all.map((one) => element("tr", {}, ...columns.map((name) => element("td", {}, one.labels[name] ?? ""))));
  return element("table", {class: "table"}, element("tr", {}, ...head), ...rows);
}

// A scale that ends at a round number, and its marks.
function marks(low, high) {
  const raw = (high - low) / 4 || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((one) => one * power >= raw) * power;
  const from = Math.floor(low / step) * step, count = Math.ceil((high - from) / step - 1e-9) || 1;
  return Array.from({length: count + 1}, (_, at) => Number((from + at * step).toPrecision(12)));
}

const clock = (time) => new Date(time * 1000).toISOString().slice(11, 19);

// The frame of a plot over time: gives it, and where a moment and a share of the height are in it.
function plot(width, height, left) {
  const svg = drawn("svg", {viewBox: `0 0 ${width} ${height}`});
  const bottom = height - 18, top = 6;
  const x = (time) => left + (time - asked.from) / (asked.to - asked.from) * (width - left - 6);
  for (const part of [0.1, 0.37, 0.63, 0.9]) {
    const time = asked.from + part * (asked.to - asked.from);
    svg.append(drawn("text", {x: x(time), y: height - 3, "text-anchor": "middle"}, clock(time)));
  }
  return {svg, x, y: (share) => bottom - share * (bottom - top)};
}

function stacked(all) {
  const below = new Map();
  return all.map((one) => {
    const points = one.points.map(([time, value]) => {
      const base = below.get(time) ?? 0;
      below.set(time, base + value);
      return [time, base + value, base];
    });
    return {...one, points};
  });
}

function lines(panel, all, width, height) {
  const {custom = {}, min, max, thresholds} = panel.fieldConfig.defaults;
  const shown = custom.stacking?.mode === "normal" ? stacked(all) : all;
  const values = shown.flatMap((one) => one.points.map(([, value]) => value));
  const scale = marks(min ?? Math.min(...values), max ?? Math.max(...values));
  const [low, high] = [scale[0], max ?? scale.at(-1)];
  const labels = scale.map(format(panel));
  const {svg, x, y} = plot(width, height, 10 + 7 * Math.max(...labels.map((label) => label.length)));
  const at = (value) => y((value - low) / (high - low || 1));
  scale.forEach((mark, index) => {
    svg.append(drawn("line", {class: "grid", x1: x(asked.from), x2: x(asked.to), y1: at(mark), y2: at(mark)}));
    svg.append(drawn("text", {x: x(asked.from) - 6, y: at(mark) + 4, "text-anchor": "end"}, labels[index]));
  });
  if (custom.thresholdsStyle && custom.thresholdsStyle.mode !== "off") {
    for (const step of thresholds.steps.filter((step) => step.value !== null && step.value >= low && step.value <= high)) {
      const dashes = custom.thresholdsStyle.mode.includes("dashed") ? "8 6" : "none";
      svg.append(drawn("line", {x1: x(asked.from), x2: x(asked.to), y1: at(step.value), y2: at(step.value),
        stroke: NAMED[step.color], "stroke-dasharray": dashes}));
    }
  }
  shown.forEach((one, index) => {
    const hue = colour(panel, one.name, index);
    for (const piece of pieces(one.points)) {
      const line = piece.map(([time, value]) => `${x(time).toFixed(1)},${at(value).toFixed(1)}`);
      const under = piece.map(([time, , base]) => `${x(time).toFixed(1)},${at(base ?? Math.max(low, 0)).toFixed(1)}`);
      svg.append(drawn("polygon", {points: [...line, ...under.reverse()].join(" "), fill: hue,
        "fill-opacity": (custom.fillOpacity ?? 0) / 100}));
      svg.append(drawn("polyline", {points: line.join(" "), fill: "none", stroke: hue,
        "stroke-width": custom.lineWidth ?? 1}));
    }
  });
  return svg;
}

// Where a moment has no number, a line ends.
function pieces(points) {
  const all = [];
  for (const point of points) {
    const last = all.at(-1)?.at(-1);
    if (last && point[0] - last[0] <= 1.5 * asked.step) all.at(-1).push(point);
    else all.push([point]);
  }
  return all;
}

function states(panel, all, width, height) {
  const mapped = panel.fieldConfig.defaults.mappings?.[0]?.options ?? {};
  const {svg, x, y} = plot(width, height, 10 + 7 * Math.max(...all.map((one) => one.name.length)));
  const share = 1 / all.length;
  all.forEach((one, index) => {
    const [top, bottom] = [y(1 - index * share), y(1 - (index + 1) * share)], inset = (bottom - top) * 0.05;
    svg.append(drawn("text", {x: x(asked.from) - 6, y: (top + bottom) / 2 + 4, "text-anchor": "end"}, one.name));
    for (const [time, value] of one.points) {
      svg.append(drawn("rect", {x: x(time), y: top + inset, width: x(time + asked.step) - x(time) + 0.5,
        height: bottom - top - 2 * inset, fill: NAMED[mapped[value]?.color] ?? "#ff00ff", "fill-opacity": 0.8}));
    }
  });
  return svg;
}

// Buckets, which count those below them too, from below: what is in each.
function heat(panel, all, width, height) {
  const bound = (one) => (one.name === "+Inf" ? Infinity : Number(one.name));
  const sorted = [...all].sort((one, other) => bound(one) - bound(other));
  const unit = UNITS[panel.options.yAxis?.unit] ?? ((value) => String(value));
  const called = sorted.map((one) => (Number.isFinite(bound(one)) ? unit(bound(one)) : one.name));
  const {svg, x, y} = plot(width, height, 10 + 7 * Math.max(...called.map((name) => name.length)));
  const share = 1 / sorted.length;
  const own = sorted.map((one, index) => {
    const below = new Map(index > 0 ? sorted[index - 1].points : []);
    return one.points.map(([time, value]) => [time, value - (below.get(time) ?? 0)]);
  });
  const most = Math.max(...own.flat().map(([, value]) => value));
  own.forEach((points, index) => {
    if (index % Math.ceil(sorted.length / 8) === 0) {
      svg.append(drawn("text", {x: x(asked.from) - 6, y: y(index * share) - 1, "text-anchor": "end"}, called[index]));
    }
    for (const [time, value] of points.filter(([, value]) => value > 0)) {
      svg.append(drawn("rect", {x: x(time), y: y((index + 1) * share), width: x(time + asked.step) - x(time) + 0.5,
        height: y(index * share) - y((index + 1) * share), fill: "#ff9830", "fill-opacity": 0.1 + 0.9 * value / most}));
    }
  });
  return svg;
}

const CALCULATED = {
  lastNotNull: ["Last *", (points) => points.at(-1)[1]],
  max: ["Max", (points) => Math.max(...points.map(([, value]) => value))],
  mean: ["Mean", (points) => points.reduce((sum, [, value]) => sum + value, 0) / points.length],
};

function legend(panel, all) {
  const {displayMode, calcs = [], showLegend, sortBy, sortDesc} = panel.options.legend ?? {};
  if (!showLegend) return [];
  const sign = (one) => element("i", {style: `background: ${colour(panel, one.name, all.indexOf(one))}`});
  if (panel.type === "state-timeline") {
    const mapped = Object.values(panel.fieldConfig.defaults.mappings[0].options);
    const words = mapped.map(({text, color}) =>
      element("span", {}, element("i", {style: `background: ${NAMED[color]}`}), text));
    return [element("div", {class: "legend list"}, ...words)];
  }
  if (displayMode === "list") {
    const told = (one) => calcs.map((calc) => `${CALCULATED[calc][0]}: ${format(panel)(CALCULATED[calc][1](one.points))}`);
    const words = all.map((one) => element("span", {}, sign(one), [one.name, ...told(one)].join("  ")));
    return [element("div", {class: "legend list"}, ...words)];
  }
  const head = element("tr", {}, ...["Name", ...calcs.map((calc) => CALCULATED[calc][0])].map((text) =>
    element("th", {}, text)));
  const key = Object.values(CALCULATED).find(([name]) => name === sortBy)?.[1];
  const order = key ? [...all].sort((one, other) => (key(one.points) - key(other.points)) * (sortDesc ? -1 : 1)) : all;
  const rows = order.map((one) => element("tr", {}, element("td", {}, sign(one), one.name),
    ...calcs.map((calc) => element("td", {}, format(panel)(CALCULATED[calc][1](one.points))))));
  return [element("div", {class: "legend"}, element("table", {}, head, ...rows))];
}

// What nobody could read in this panel.
function faults(panel, all) {
  const found = [];
  if (all.length === 0) found.push("No data");
  if (!unitOf(panel.fieldConfig.defaults.unit)) found.push(`unit ${panel.fieldConfig.defaults.unit} is not known`);
  const names = all.map((one) => one.name);
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  if (twice.length > 0 && !["table", "stat"].includes(panel.type)) found.push(`two are called ${twice[0]}`);
  const mapped = panel.fieldConfig.defaults.mappings?.[0]?.options;
  if (mapped && all.some((one) => one.points.some(([, value]) => !(value in mapped)))) found.push("a state has no word");
  return found;
}

const DRAWN = {stat, table, timeseries: lines, "state-timeline": states, heatmap: heat};

function placed({x, y, w, h}) {
  const [width, height] = [w * COLUMN - GAP, h * CELL + (h - 1) * GAP];
  return `left: ${x * COLUMN}px; top: ${y * (CELL + GAP)}px; width: ${width}px; height: ${height}px`;
}

function draw(panel, grid) {
  const place = placed(panel.gridPos);
  if (panel.type === "row") {
    grid.append(element("div", {class: "row", style: place}, `⌄ ${panel.title}`));
    return;
  }
  const all = series(panel), found = faults(panel, all);
  const body = element("div", {class: "body"});
  const frame = element("div", {class: "frame"}, body, ...legend(panel, all));
  const head = element("h2", {title: panel.description}, panel.title);
  const made = element("div", {class: "panel", style: place}, head, frame);
  grid.append(made);
  if (head.scrollWidth > head.clientWidth) found.push("the title is cut off");
  const below = made.querySelector(".legend");
  // One that is sorted begins with what matters, and can be scrolled.
  if (below && below.scrollHeight > below.clientHeight && !panel.options.legend.sortBy) found.push("the legend is cut off");
  head.prepend(...found.map((text) => fault(`${text}: `)));
  if (all.length === 0) body.append(element("div", {class: "none"}, "No data"));
  else body.append(DRAWN[panel.type](panel, all, body.clientWidth - 16, body.clientHeight));
}

const {board} = asked;
document.title = board.title;
const grid = element("div", {id: "grid"});
const moment = element("small", {}, `${clock(asked.from)} to ${clock(asked.to)}`);
document.body.append(element("h1", {}, board.title, moment), grid);
for (const panel of board.panels) draw(panel, grid);
