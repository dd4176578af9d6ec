"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const columns = data.columns;
const place = new Map(columns.map((column, number) => [column.key, number + 1]));
const rowsAtOnce = 50;
const find = (id) => document.getElementById(id);
const state = { text: "", grade: "", component: "", ranges: new Map(), sort: "overall", falls: false, page: 0, extra: "" };
let chosen = [];

function element(tag, words, attributes) {
  const made = document.createElement(tag);
  if (words !== undefined) made.textContent = words;
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  return made;
}
function valueOf(row, key) {
  return place.has(key) ? row[place.get(key)] : null;
}
function clock(seconds) {
  if (seconds < 60) return Number(seconds.toPrecision(3)) + " s";
  const whole = Math.round(seconds), two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return hours ? hours + ":" + two(minutes) + ":" + two(whole % 60) : minutes + ":" + two(whole % 60);
}
function numberWords(column, value) {
  const said = (value * column.scale).toFixed(column.decimals);
  return Number(said) === 0 ? said.replace("-", "") : said.replace("-", "\u2212");
}
function words(column, value, withUnit) {
  if (value === null || value === undefined || value === "") return "\u2013";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  if (column.key === "duration_s") return clock(value);
  return numberWords(column, value) + (withUnit && column.unit ? " " + column.unit : "");
}
// Fills a cell with a value, its band of uncertainty and why it does not apply.
function tell(cell, column, row, withUnit) {
  const value = row[place.get(column.key)];
  const isChange = column.key.startsWith("change_") && typeof value === "number";
  const change = isChange ? Number((value * column.scale).toFixed(column.decimals)) : 0;
  cell.append((change > 0 ? "+" : "") + words(column, value, withUnit));
  if (change) cell.classList.add(change < 0 ? "change-down" : "change-up");
  if (column.key === "component" && typeof valueOf(row, "cost") === "number" && value) {
    cell.append(" \u2212" + valueOf(row, "cost"));
  }
  if (column.low !== undefined && column.high !== undefined) {
    const ends = [row[column.low + 1], row[column.high + 1]];
    if (ends.every((end) => typeof end === "number")) {
      const said = ends.map((end) => numberWords(column, end)).join(" to ");
      cell.append(" ", element("span", "(" + said + ")", { class: "band" }));
    }
  }
  const why = column.reason === undefined ? null : row[column.reason + 1];
  // A sentence would push the other columns out of sight: it opens with the name.
  if (why && withUnit) cell.append(" ", element("span", String(why), { class: "band" }));
  else if (why) cell.title = String(why);
}

// What is chosen.
function inRange(value, range) {
  return typeof value === "number" && value >= range.low && (value < range.high || range.closed);
}
function isChosen(row, without) {
  if (state.text && !row[0].toLowerCase().includes(state.text)) return false;
  if (state.grade && valueOf(row, "grade") !== state.grade) return false;
  if (state.component && valueOf(row, "component") !== state.component) return false;
  for (const [key, range] of state.ranges) {
    if (key !== without && !inRange(valueOf(row, key), range)) return false;
  }
  return true;
}
function compare(one, other) {
  const key = state.sort;
  const a = key === "name" ? one[0] : valueOf(one, key), b = key === "name" ? other[0] : valueOf(other, key);
  const gone = (value) => value === null || value === undefined || value === "";
  // What has no value is last, whichever way the others go.
  if (gone(a) || gone(b)) return gone(a) - gone(b);
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  return state.falls ? -order : order;
}

// The table, some rows at a time.
function shownColumns() {
  return columns.filter((column) => column.shown || column.key === state.extra);
}
function headCell(key, title, unit, narrow) {
  const cell = element("th", undefined, { scope: "col" });
  const isSorted = state.sort === key;
  cell.setAttribute("aria-sort", isSorted ? (state.falls ? "descending" : "ascending") : "none");
  const mark = isSorted ? (state.falls ? " \u2193" : " \u2191") : "";
  const button = element("button", title + mark, { type: "button", "data-sort": key });
  if (unit) button.append(", ", element("span", unit, { class: "unit" }));
  // Where a page of paper repeats the heading, browsers leave buttons out.
  const printed = element("span", unit ? title + ", " + unit : title, { class: "printed", "aria-hidden": "true" });
  cell.append(button, printed);
  if (!narrow) cell.classList.add("narrow-off");
  return cell;
}
function isWord(column) {
  return data.rows.some((row) => typeof row[place.get(column.key)] === "string");
}
const wordColumns = new Set(columns.filter(isWord).map((column) => column.key));
function rowOf(row) {
  const line = element("tr");
  const head = element("th", undefined, { scope: "row" });
  head.append(element("button", row[0], { type: "button", "aria-expanded": "false", title: "All that is known" }));
  line.append(head);
  for (const column of shownColumns()) {
    const cell = element("td");
    tell(cell, column, row, false);
    if (wordColumns.has(column.key)) cell.classList.add("word");
    if (!column.narrow && column.key !== state.extra) cell.classList.add("narrow-off");
    line.append(cell);
  }
  head.firstChild.addEventListener("click", () => toggle(line, head.firstChild, row));
  return line;
}
function toggle(line, button, row) {
  const isOpen = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!isOpen));
  if (isOpen) {
    line.nextSibling.remove();
    return;
  }
  const more = element("tr", undefined, { class: "more" });
  const cell = element("td", undefined, { colspan: String(shownColumns().length + 1) });
  const list = element("dl", undefined, { class: "measures" });
  for (const column of columns) {
    const value = row[place.get(column.key)];
    if (column.part || value === null || value === "") continue;
    const pair = element("div"), said = element("dd");
    if (column.about) pair.title = column.about;
    tell(said, column, row, true);
    pair.append(element("dt", column.title), said);
    list.append(pair);
  }
  cell.append(list);
  more.append(cell);
  line.after(more);
}
function drawTable() {
  const table = element("table"), head = element("tr"), body = element("tbody");
  head.append(headCell("name", "Recording", "", true));
  for (const column of shownColumns()) {
    const cell = headCell(column.key, column.title, column.unit, column.narrow || column.key === state.extra);
    if (column.about) cell.title = column.about;
    if (wordColumns.has(column.key)) cell.classList.add("word");
    head.append(cell);
  }
  const first = state.page * rowsAtOnce;
  for (const row of chosen.slice(first, first + rowsAtOnce)) body.append(rowOf(row));
  const top = element("thead");
  top.append(head);
  table.append(element("caption", "Recordings, sorted by a click on a heading", { class: "hidden" }), top, body);
  find("table").replaceChildren(table);
  const last = Math.min(first + rowsAtOnce, chosen.length);
  const all = chosen.length === data.rows.length ? "" : " chosen of " + data.rows.length;
  find("count").textContent = chosen.length
    ? "Recordings " + (first + 1) + " to " + last + " of " + chosen.length + all + "."
    : "No recording is like this.";
  find("earlier").disabled = state.page === 0;
  find("later").disabled = last >= chosen.length;
}

// Pictures that choose.
const charts = [...document.querySelectorAll(".histogram[data-key]")].map((figure) => ({
  figure,
  key: figure.dataset.key,
  title: figure.querySelector("figcaption").firstChild.textContent.trim(),
  edges: JSON.parse(figure.dataset.edges),
  bars: [...figure.querySelectorAll(".bar")],
  from: -1,
  to: -1,
}));
function barOf(edges, value) {
  let at = 0;
  while (at < edges.length - 2 && value >= edges[at + 1]) at += 1;
  return at;
}
function edgeWords(chart, edge) {
  const column = columns[place.get(chart.key) - 1];
  if (chart.key === "duration_s") return clock(edge);
  return String(Number((edge * column.scale).toPrecision(6))).replace("-", "\u2212");
}
function rangeWords(chart, from, to) {
  const column = columns[place.get(chart.key) - 1];
  const unit = column.unit && chart.key !== "duration_s" ? " " + column.unit : "";
  return edgeWords(chart, chart.edges[from]) + " to " + edgeWords(chart, chart.edges[to + 1]) + unit;
}
function drawChart(chart) {
  const counts = chart.bars.map(() => 0);
  for (const row of data.rows) {
    const value = valueOf(row, chart.key);
    if (typeof value === "number" && isChosen(row, chart.key)) counts[barOf(chart.edges, value)] += 1;
  }
  const all = chart.bars.map((bar) => Number(bar.dataset.count)), most = Math.max(...all);
  const [low, high] = [Math.min(chart.from, chart.to), Math.max(chart.from, chart.to)];
  for (const [number, bar] of chart.bars.entries()) {
    const isIn = low >= 0 && number >= low && number <= high;
    const height = low >= 0 && !isIn ? 0 : (100 * counts[number]) / most;
    const now = bar.querySelector(".now");
    now.setAttribute("height", height);
    now.setAttribute("y", 100 - height);
    bar.classList.toggle("chosen", isIn);
    bar.setAttribute("aria-pressed", String(isIn));
    bar.setAttribute("aria-label", chart.title + " " + rangeWords(chart, number, number) + ": " + counts[number]);
  }
  const told = chart.figure.querySelector(".chosen-range");
  told.replaceChildren();
  if (low >= 0) {
    const clear = element("button", rangeWords(chart, low, high) + " \u00d7", { type: "button", class: "clear", title: "Show all again" });
    clear.addEventListener("click", () => choose(chart, -1, -1));
    told.append(clear);
  }
}
function choose(chart, from, to) {
  [chart.from, chart.to] = [from, to];
  const [low, high] = [Math.min(from, to), Math.max(from, to)];
  if (low < 0) state.ranges.delete(chart.key);
  else state.ranges.set(chart.key, { low: chart.edges[low], high: chart.edges[high + 1], closed: high === chart.bars.length - 1 });
  update();
}
function focusBar(chart, number) {
  for (const [other, bar] of chart.bars.entries()) bar.setAttribute("tabindex", other === number ? "0" : "-1");
  chart.bars[number].focus();
}
function prepare(chart) {
  const picture = chart.figure.querySelector("svg");
  picture.setAttribute("role", "group");
  for (const [number, bar] of chart.bars.entries()) {
    bar.setAttribute("role", "button");
    bar.setAttribute("tabindex", number ? "-1" : "0");
  }
  const barAt = (event) => {
    const box = picture.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    return Math.min(chart.bars.length - 1, Math.max(0, Math.floor(share * chart.bars.length)));
  };
  let began = -1, before = -1;
  picture.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    began = barAt(event);
    before = chart.from === chart.to ? chart.from : -1;
    picture.setPointerCapture(event.pointerId);
  });
  picture.addEventListener("pointermove", (event) => {
    if (began >= 0 && (barAt(event) !== began || chart.to !== chart.from)) choose(chart, began, barAt(event));
  });
  picture.addEventListener("pointerup", (event) => {
    const number = barAt(event);
    if (began >= 0) choose(chart, ...(began === number && before === number ? [-1, -1] : [began, number]));
    began = -1;
  });
  picture.addEventListener("pointercancel", () => { began = -1; });
  picture.addEventListener("keydown", (event) => {
    const number = chart.bars.indexOf(document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") choose(chart, -1, -1);
    else if (event.key === "Enter" || event.key === " ") {
      choose(chart, ...(chart.from === number && chart.to === number ? [-1, -1] : [number, number]));
    } else if (step) {
      const next = Math.min(chart.bars.length - 1, Math.max(0, number + step));
      if (event.shiftKey) choose(chart, chart.from < 0 ? number : chart.from, next);
      focusBar(chart, next);
    } else return;
    event.preventDefault();
  });
}
function update() {
  chosen = data.rows.filter((row) => isChosen(row)).sort(compare);
  state.page = 0;
  for (const chart of charts) drawChart(chart);
  drawTable();
}

// Selects, and what they offer.
function offer(id, key) {
  const counts = new Map();
  for (const row of data.rows) {
    const value = valueOf(row, key);
    if (value) counts.set(value, (counts.get(value) || 0) + 1);
  }
  for (const word of [...counts.keys()].sort()) {
    find(id).append(element("option", word + " (" + counts.get(word) + ")", { value: word }));
  }
  find(id).addEventListener("change", () => { state[key] = find(id).value; update(); });
}
offer("grade", "grade");
offer("component", "component");
for (const column of columns) {
  if (!column.shown && !column.part) find("extra").append(element("option", column.title, { value: column.key }));
}
find("extra").addEventListener("change", () => {
  state.extra = find("extra").value;
  if (state.extra) state.sort = state.extra;
  update();
});
find("text").addEventListener("input", () => { state.text = find("text").value.trim().toLowerCase(); update(); });
const form = document.querySelector(".filters");
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => {
  Object.assign(state, { text: "", grade: "", component: "", extra: "", sort: "overall", falls: false });
  state.ranges.clear();
  for (const chart of charts) [chart.from, chart.to] = [-1, -1];
  update();
});
find("table").addEventListener("click", (event) => {
  const key = event.target.closest("[data-sort]")?.dataset.sort;
  if (!key) return;
  state.falls = state.sort === key && !state.falls;
  state.sort = key;
  update();
  document.querySelector('[data-sort="' + CSS.escape(key) + '"]').focus();
});
for (const [id, step] of [["earlier", -1], ["later", 1]]) {
  find(id).addEventListener("click", () => { state.page += step; drawTable(); });
}

// Players: one at a time, with a line in their pictures.
for (const card of document.querySelectorAll(".card")) {
  const plots = card.querySelector(".plots"), cursor = card.querySelector(".cursor");
  const players = [...card.querySelectorAll("audio")];
  if (!players.length) continue;
  let last = players[players.length - 1];
  const lengthS = Number(cursor.dataset.lengthS);
  const draw = () => {
    const plot = plots.querySelector(".plot");
    cursor.style.visibility = "visible";
    cursor.style.left = plot.offsetLeft + (plot.offsetWidth * last.currentTime) / lengthS + "px";
  };
  const follow = () => {
    draw();
    if (!last.paused) requestAnimationFrame(follow);
  };
  for (const player of players) {
    player.addEventListener("play", () => {
      for (const other of document.querySelectorAll("audio")) if (other !== player) other.pause();
      if (player !== last) player.currentTime = last.ended ? 0 : last.currentTime;
      last = player;
      follow();
    });
    player.addEventListener("seeked", () => { if (player === last) draw(); });
  }
  plots.addEventListener("click", (event) => {
    const plot = event.target.closest(".plot");
    if (!plot) return;
    const box = plot.getBoundingClientRect();
    last.currentTime = Math.min(Math.max(0, ((event.clientX - box.left) / box.width) * lengthS), last.duration || 0);
  });
}
document.documentElement.classList.add("scripted");
for (const chart of charts) prepare(chart);
if (!place.has("overall")) state.sort = "name";
update();
