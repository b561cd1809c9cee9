"use strict";
const nodes = JSON.parse(document.getElementById("data").textContent);
const users = nodes.map(() => []);
nodes.forEach((n, i) => (n.needs || []).forEach(e => users[e.to].push({to: i, field: e.field})));
const at = id => document.getElementById(id);
const shapes = nodes.map(() => []);
document.querySelectorAll("[data-n]").forEach(s => shapes[s.dataset.n].push(s));
const edges = [...document.querySelectorAll(".edge")];
const body = document.body;
let kept = -1;

// reach returns every node that links lead to.
function reach(start, links) {
  const seen = new Set(), queue = [start];
  while (queue.length) for (const e of links(queue.pop())) if (!seen.has(e.to)) { seen.add(e.to); queue.push(e.to); }
  return seen;
}
function clear() {
  body.classList.remove("looking");
  document.querySelectorAll(".self, .before, .after").forEach(s => s.classList.remove("self", "before", "after"));
}
function look(i) {
  clear();
  if (i < 0) { at("node").hidden = true; at("nothing").hidden = false; return; }
  const before = reach(i, n => nodes[n].needs || []), after = reach(i, n => users[n]);
  body.classList.add("looking");
  shapes[i].forEach(s => s.classList.add("self"));
  before.forEach(n => shapes[n].forEach(s => s.classList.add("before")));
  after.forEach(n => shapes[n].forEach(s => s.classList.add("after")));
  for (const e of edges) {
    const f = +e.dataset.f, t = +e.dataset.t, own = f === i || t === i;
    if (e.classList.contains("implied") && !own) continue;
    if ((f === i || before.has(f)) && before.has(t)) e.classList.add("before");
    if (after.has(f) && (t === i || after.has(t))) e.classList.add("after");
  }
  details(i, before.size, after.size);
}
function make(tag, text, parent, kind) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (kind) e.className = kind;
  if (parent) parent.append(e);
  return e;
}
function links(title, kind, list, total, parent) {
  const h = make("h3", undefined, parent);
  make("span", title, h, kind);
  h.append(" " + (list.length ? `${list.length} directly, ${total} in all` : "nothing"));
  const ul = make("ul", undefined, parent);
  for (const e of list) {
    const li = make("li", undefined, ul), a = make("a", nodes[e.to].id, li);
    a.onclick = () => keep(e.to, true);
    make("small", e.field, li);
  }
}
function details(i, before, after) {
  const n = nodes[i], box = at("node");
  box.replaceChildren();
  make("h2", n.id, box);
  if (n.doc) make("p", n.doc, box);
  if (n.act) make("div", n.act, box, "act " + n.class);
  const dl = make("dl", undefined, box);
  for (const [k, v] of [["stage", n.stage], ["host", n.host], ["declared at", n.position], ["last run took", n.took]])
    if (v) { make("dt", k, dl); make("dd", v, dl); }
  if (n.because) { const ul = make("ul", undefined, box); n.because.forEach(b => make("li", b, ul)); }
  for (const d of n.diffs || []) {
    const pre = make("pre", undefined, box);
    for (const line of d.replace(/\n$/, "").split("\n"))
      make("span", line + "\n", pre, line.startsWith("@@") ? "place" : line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : "");
  }
  links("needs", "needs", n.needs || [], before, box);
  links("needed by", "users", users[i], after, box);
  box.hidden = false;
  at("nothing").hidden = true;
}
function keep(i, show) {
  kept = i === kept && !show ? -1 : i;
  look(kept);
  if (show && kept >= 0) shapes[kept][0].scrollIntoView({block: "center", inline: "center", behavior: "smooth"});
}
document.querySelectorAll("[data-n]").forEach(s => {
  const i = +s.dataset.n;
  s.addEventListener("mouseenter", () => { if (kept < 0) look(i); });
  s.addEventListener("mouseleave", () => { if (kept < 0) look(-1); });
  s.addEventListener("click", e => { e.stopPropagation(); keep(i); });
  s.addEventListener("keydown", e => { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); keep(i); } });
});
at("canvas").addEventListener("click", () => { kept = -1; look(-1); });

// Search in ids, documentation and places.
const text = nodes.map(n => [n.id, n.host, n.stage, n.doc, n.position, n.act].join(" ").toLowerCase());
let hits = [];
at("search").addEventListener("input", () => {
  const words = at("search").value.toLowerCase().split(/\s+/).filter(w => w);
  hits = words.length ? nodes.map((_, i) => i).filter(i => words.every(w => text[i].includes(w))) : [];
  body.classList.toggle("searching", words.length > 0);
  document.querySelectorAll(".hit").forEach(s => s.classList.remove("hit"));
  hits.forEach(i => shapes[i][0].classList.add("hit"));
});
at("search").addEventListener("keydown", e => {
  if (e.key === "Enter" && hits.length) keep(hits[(hits.indexOf(kept) + 1) % hits.length], true);
});
document.addEventListener("keydown", e => {
  if (e.key === "/" && document.activeElement !== at("search")) { e.preventDefault(); at("search").focus(); }
  if (e.key === "Escape") { at("search").value = ""; at("search").dispatchEvent(new Event("input")); at("search").blur(); kept = -1; look(-1); }
});

// Size and colours.
const graph = at("graph"), full = {w: +graph.getAttribute("width"), h: +graph.getAttribute("height")};
let scale = 1;
function zoom(s) {
  scale = Math.min(3, Math.max(0.05, s));
  graph.setAttribute("width", full.w * scale);
  graph.setAttribute("height", full.h * scale);
}
const fit = () => zoom(Math.min(1, (at("canvas").clientWidth - 20) / full.w));
at("in").onclick = () => zoom(scale * 1.25);
at("out").onclick = () => zoom(scale / 1.25);
at("fit").onclick = fit;
at("canvas").addEventListener("wheel", e => { if (e.ctrlKey) { e.preventDefault(); zoom(scale * (e.deltaY < 0 ? 1.1 : 1 / 1.1)); } }, {passive: false});
const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
const theme = on => { root.dataset.theme = on ? "dark" : "light"; };
theme(dark.matches);
dark.addEventListener("change", e => theme(e.matches));
at("theme").onclick = () => theme(root.dataset.theme !== "dark");
if (full.w * 0.55 < at("canvas").clientWidth) fit();
