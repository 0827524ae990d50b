// The page of a run. It reads the JSON beside it, writes text nodes alone, and asks no server for anything.
const data = JSON.parse(document.getElementById("data").textContent);
const { run, other } = data;
const steps = run.steps;
const HEIGHT = 28;
const SIGN = { fail: "✗", error: "!", ok: "✓" };
const WORD = { fail: "refused by a rule", error: "error", ok: "nothing found" };
const at = (id) => document.getElementById(id);
let current = 0, whole = false, raw = false, difference = true, digits = null;

const make = (tag, name, ...inner) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...inner.filter((item) => item !== "" && item != null));
  return made;
};
const broken = (index) => steps[index].mark !== "ok";
const first = () => {
  const red = steps.findIndex((step) => step.mark === "fail");
  if (red >= 0) return red;
  const error = steps.findIndex((step) => step.mark === "error");
  if (error >= 0) return error;
  return Math.max(0, Math.min(data.diverges ?? steps.length - 1, steps.length - 1));
};

// The messages of a step: a part of those of the step before it, then its own.
const context = (index) => {
  const pieces = [];
  let need = Infinity;
  for (let here = index; here >= 0 && need > 0; here--) {
    const { keep, add } = steps[here];
    pieces.unshift(add.slice(0, Math.max(0, need - keep)));
    need = Math.min(need, keep);
  }
  return pieces.flat();
};
const size = (index) => context(index).length;
const said = (place) => {
  const [who, text] = run.texts[place];
  return make("div", "said", make("span", "who", who), make("pre", "", text));
};

const rail = at("rail"), space = at("space");
space.style.height = `${steps.length * HEIGHT}px`;
const rows = new Map();
const draw = () => {
  const top = Math.max(0, Math.floor(rail.scrollTop / HEIGHT) - 5);
  const end = Math.min(steps.length, top + Math.ceil((rail.clientHeight || 600) / HEIGHT) + 10);
  for (const [index, row] of rows) if (index < top || index >= end) { row.remove(); rows.delete(index); }
  for (let index = top; index < end; index++) {
    if (!rows.has(index)) rows.set(index, line(index));
    const row = rows.get(index), here = index === current;
    row.setAttribute("aria-selected", String(here));
    row.tabIndex = here ? 0 : -1;
  }
};
const line = (index) => {
  const step = steps[index];
  const mark = make("span", `mark ${step.mark}`, data.diverges === index && step.mark === "ok" ? "≠" : SIGN[step.mark]);
  const row = make("div", "row", make("span", "number", String(index)), mark, make("span", "label", step.label),
    make("span", "ms", step.ms == null ? "" : `${step.ms} ms`));
  row.style.top = `${index * HEIGHT}px`;
  row.setAttribute("role", "option");
  row.setAttribute("aria-posinset", String(index + 1));
  row.setAttribute("aria-setsize", String(steps.length));
  row.setAttribute("aria-label", `step ${index}, ${WORD[step.mark]}: ${step.label}`);
  row.addEventListener("click", () => open(index, true));
  const before = [...rows.keys()].filter((other) => other > index).sort((a, b) => a - b)[0];
  space.insertBefore(row, before == null ? null : rows.get(before));
  return row;
};

const why = (step) => (step.rules ?? []).map((rule) => {
  const values = make("dl", "values");
  for (const [source, value] of rule.values) values.append(make("dt", "", source), make("dd", "", value));
  const head = make("p", "", make("strong", rule.outcome === "fail" ? "fail" : "error", rule.rule), ` ${rule.message}`);
  const place = make("p", "meta", `${rule.action} · ${rule.outcome === "fail" ? "does not hold" : "could not be evaluated"} · ${rule.place}`);
  return make("div", "card why", head, place, rule.values.length ? values : "");
});
// Lines of two texts; beginnings and ends that are the same are left out.
const lines = (then, now) => {
  const a = then.split("\n"), b = now.split("\n");
  let begin = 0, end = 0;
  while (begin < Math.min(a.length, b.length) && a[begin] === b[begin]) begin++;
  while (end < Math.min(a.length, b.length) - begin && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const pre = make("pre", "");
  for (const text of a.slice(begin, a.length - end)) pre.append(make("span", "del", `- ${text}`));
  for (const text of b.slice(begin, b.length - end)) pre.append(make("span", "ins", `+ ${text}`));
  return pre;
};
const heading = (text) => make("h3", "", text);
const show = () => {
  const step = steps[current], panel = at("step"), previous = steps[current - 1];
  const facts = [step.agent, step.model, step.ms == null ? "" : `${step.ms} ms`, step.in == null ? "" : `${step.in} tokens in`,
    step.out == null ? "" : `${step.out} out`, step.usd ? `$${step.usd}` : ""].filter(Boolean).join(" · ");
  const parts = [make("h2", "", make("span", step.mark, SIGN[step.mark]), ` Step ${current}`), make("p", "meta", facts)];
  if (step.rules) parts.push(heading("why"), ...why(step));
  const all = context(current), dropped = previous ? size(current - 1) - step.keep : 0;
  const system = run.texts[step.system][1], before = previous ? run.texts[previous.system][1] : system;
  if (difference && system !== before) parts.push(heading("instructions changed"), make("div", "card", lines(before, system)));
  const counts = `${step.add.length} new, ${dropped} dropped since step ${current - 1}, ${all.length} in all`;
  parts.push(heading(previous ? `context: ${counts}` : `context: ${all.length} messages`));
  const shown = whole ? all : step.add, talk = make("div", "card");
  if (whole && system) talk.append(said(step.system));
  talk.append(...shown.map(said));
  if (!shown.length && !talk.childNodes.length) talk.append("nothing new");
  parts.push(talk);
  const answer = make("div", "card", make("pre", "", run.texts[step.answer][1] || "no answer"));
  const twin = other?.steps[current];
  if (other) {
    parts.push(heading(data.diverges === current ? "answers: here the two runs part" : "answers of the two runs"));
    const there = make("div", "card", make("p", "meta", other.id), make("pre", "", twin ? other.texts[twin.answer][1] : "ended before"));
    answer.prepend(make("p", "meta", run.id));
    parts.push(make("div", "sides", answer, there));
  } else parts.push(heading("answer"), answer);
  if (step.ran) parts.push(heading("tools that ran"), make("div", "card", ...step.ran.map(said)));
  if (raw) {
    parts.push(heading("request"), make("div", "card", make("pre", "", `parameters ${step.parameters}`)), make("div", "card", make("pre", "", system || "no instructions")),
      make("div", "card", make("pre", "", run.texts[step.tools][1] || "no tools")));
  }
  const hint = make("p", "meta", "c whole context · r request · d difference · e next that broke · ? all keys");
  panel.replaceChildren(...parts, heading("keys"), hint);
  panel.scrollTop = 0;
};
const open = (index, focus) => {
  if (!steps.length) return;
  current = Math.max(0, Math.min(index, steps.length - 1));
  const top = current * HEIGHT;
  if (top < rail.scrollTop || top + HEIGHT > rail.scrollTop + rail.clientHeight) rail.scrollTop = top - rail.clientHeight / 2;
  draw();
  show();
  if (focus) rows.get(current)?.focus({ preventScroll: true });
  at("live").textContent = `step ${current}, ${current + 1} of ${steps.length}, ${WORD[steps[current].mark]}`;
  history.replaceState(null, "", link());
};
const link = () => `#${encodeURIComponent(run.id)}/${current}/${whole ? "context" : raw ? "request" : "answer"}`;
const from = () => {
  const [name, step, part] = location.hash.slice(1).split("/");
  if (!name || decodeURIComponent(name) !== run.id || !/^\d{1,9}$/.test(step ?? "")) return first();
  whole = part === "context";
  raw = part === "request";
  return Number(step);
};
const next = (way) => {
  for (let index = current + way; index >= 0 && index < steps.length; index += way) if (broken(index)) return open(index, true);
  at("live").textContent = "no other step that broke";
};
const find = (text) => {
  const word = text.toLowerCase(), hit = new Set();
  run.texts.forEach(([, body], place) => { if (body.toLowerCase().includes(word)) hit.add(place); });
  for (let count = 1; count <= steps.length; count++) {
    const index = (current + count) % steps.length, step = steps[index];
    if ([step.answer, ...step.add, ...(step.ran ?? [])].some((place) => hit.has(place))) return open(index, true);
  }
  at("live").textContent = "not found";
};
const help = () => {
  at("keys").hidden = !at("keys").hidden;
  at("help").setAttribute("aria-expanded", String(!at("keys").hidden));
};
const keys = {
  j: () => open(current + 1, true), k: () => open(current - 1, true), ArrowDown: () => open(current + 1, true), ArrowUp: () => open(current - 1, true),
  Home: () => open(0, true), End: () => open(steps.length - 1, true), e: () => next(1), E: () => next(-1),
  c: () => { whole = !whole; open(current, true); }, r: () => { raw = !raw; open(current, true); }, d: () => { difference = !difference; show(); },
  "/": () => at("search").focus(), "?": help, g: () => { digits = ""; at("live").textContent = "go to step"; },
  y: () => { history.replaceState(null, "", link()); navigator.clipboard?.writeText(location.href).catch(() => {}); at("live").textContent = "link copied"; },
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === at("search")) {
    if (event.key === "Enter") find(event.target.value);
    if (event.key === "Escape") rows.get(current)?.focus();
    return;
  }
  if (digits !== null) {
    if (/^\d$/.test(event.key)) { digits += event.key; return; }
    const goal = digits;
    digits = null;
    if (event.key === "Enter" && goal) { event.preventDefault(); open(Number(goal), true); return; }
  }
  const moves = event.key.length > 1;
  if (keys[event.key] && !(moves && !rail.contains(event.target))) { event.preventDefault(); keys[event.key](); }
});
rail.addEventListener("scroll", draw);
window.addEventListener("resize", draw);
window.addEventListener("hashchange", () => open(from(), false));
at("help").addEventListener("click", help);
at("title").textContent = run.agent || run.id;
const total = (name) => steps.reduce((sum, step) => sum + (step[name] ?? 0), 0);
const red = steps.filter((step) => step.mark === "fail").length, errors = steps.filter((step) => step.mark === "error").length;
at("facts").textContent = [`run ${run.id}`, `${steps.length} steps`, red ? `${red} refused` : "", errors ? `${errors} with errors` : "",
  total("ms") ? `${total("ms").toLocaleString("en")} ms` : "", total("in") + total("out") ? `${(total("in") + total("out")).toLocaleString("en")} tokens` : "", run.error].filter(Boolean).join(" · ");
const bad = run.status === "error" || run.status === "truncated";
at("badges").append(make("span", bad ? "badge bad" : "badge", run.status), " ", make("span", "badge", "chain verified when written"), " ",
  make("span", "badge", `redaction ${run.redaction}`), " ", make("span", "badge", run.judged ? "judged" : "not judged"));
open(from(), false);
