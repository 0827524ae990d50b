// The page of a run. It reads the JSON beside it, writes text nodes alone, and asks no server for anything.
const data = JSON.parse(document.getElementById("data").textContent);
const { run, other } = data;
const { steps } = run;
const HEIGHT = 28;
const SIGN = { fail: "✗", error: "!", differs: "≠", ok: "✓" };
const ORDER = Object.keys(SIGN);
const WORD = { fail: "refused by a rule", error: "error", differs: "answers differ", ok: "nothing found" };
const PARTS = ["instructions", "tools", "customer", "agent", "tool results"];
const at = (id) => document.getElementById(id);
const grouped = (number) => number.toLocaleString("en");
let current = 0, whole = false, raw = false, difference = true, digits = null, sought = "";

const make = (tag, name, ...inner) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...inner.filter((item) => item !== "" && item != null));
  return made;
};
const text = (place, of = run) => of.texts[place];
const who = (place) => run.speakers[run.who[place]];
const setting = (step, of = run) => of.settings[step.setting];
const mark = (index) => steps[index].mark ?? "ok";
// An answer on one line, as the rail and a screen reader have it.
const label = (index) => {
  const one = text(steps[index].answer).slice(0, 240).replace(/\s+/g, " ").replaceAll("( ", "(").replaceAll(" )", ")");
  return one.length > 120 ? `${one.slice(0, 119)}…` : one || "no answer";
};
const button = (words, act) => {
  const made = make("button", "", words);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
};
const heading = (words) => make("h3", "", words);
const say = (words) => { at("live").textContent = words; };

// What is wrong with a step; with another run beside it, also where their answers differ.
const twin = (index) => other?.steps[index];
const parted = (index) => other != null && (twin(index) == null || text(twin(index).answer, other) !== text(steps[index].answer));
const state = (index) => (mark(index) === "ok" && parted(index) ? "differs" : mark(index));
const broken = (index) => mark(index) !== "ok";
const first = () => {
  for (const worst of ["fail", "error"]) {
    const index = steps.findIndex((step) => step.mark === worst);
    if (index >= 0) return index;
  }
  return Math.max(0, Math.min(data.diverges ?? steps.length - 1, steps.length - 1));
};

// The messages of a step: a part of those of the step before it, then its own.
const added = (index) => steps[index].add.flatMap((item) => (Array.isArray(item) ? Array.from({ length: item[1] - item[0] + 1 }, (_, count) => item[0] + count) : [item]));
const context = (index) => {
  const pieces = [];
  let need = Infinity;
  for (let here = index; here >= 0 && need > 0; here--) {
    const { keep } = steps[here];
    pieces.push(added(here).slice(0, Math.max(0, need - keep)));
    need = Math.min(need, keep);
  }
  return pieces.reverse().flat();
};
const marked = (body) => {
  if (!sought) return [body];
  const pieces = body.split(sought), nodes = [pieces.shift()];
  for (const piece of pieces.slice(0, 1000)) nodes.push(make("mark", "", sought), piece);
  if (pieces.length > 1000) nodes.push(sought + pieces.slice(1000).join(sought));
  return nodes;
};
const said = (place) => make("div", who(place) === "customer" ? "said asked" : "said", make("span", "who", who(place)), make("pre", "", ...marked(text(place))));

// The rail: as many rows as can be seen, and a few around them.
const rail = at("rail"), space = at("space"), rows = new Map();
space.style.height = `${steps.length * HEIGHT}px`;
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
  const step = steps[index], kind = state(index);
  const row = make("div", "row", make("span", "number", String(index)), make("span", `mark ${kind}`, SIGN[kind]), make("span", "label", label(index)),
    make("span", "ms", step.ms == null ? "" : `${grouped(step.ms)} ms`));
  row.style.top = `${index * HEIGHT}px`;
  row.setAttribute("role", "option");
  row.setAttribute("aria-posinset", String(index + 1));
  row.setAttribute("aria-setsize", String(steps.length));
  row.setAttribute("aria-label", `step ${index}, ${WORD[kind]}: ${label(index)}`);
  row.addEventListener("click", () => open(index, true));
  const next = [...rows.keys()].filter((key) => key > index).sort((a, b) => a - b)[0];
  space.insertBefore(row, next == null ? null : rows.get(next));
  return row;
};
// The whole run in two strips: the worst mark and the most tokens of the steps that share a line of pixels.
const map = () => {
  const canvas = at("map"), height = canvas.clientHeight, pen = canvas.getContext("2d");
  if (!height || !pen || !steps.length) return;
  canvas.width = 14;
  canvas.height = height;
  const style = getComputedStyle(document.documentElement), color = (name) => style.getPropertyValue(name);
  const colors = ["--fail", "--undecided", "--waived", "--line"].map(color);
  const size = Math.min(HEIGHT, height / steps.length), most = steps.reduce((top, step) => Math.max(top, step.in ?? 0), 1);
  for (let y = 0, index = 0; index < steps.length; y += Math.max(1, size)) {
    let worst = 3, tokens = 0;
    const end = Math.max(index + 1, Math.min(steps.length, Math.round((y + Math.max(1, size)) / size)));
    for (; index < end; index++) {
      worst = Math.min(worst, ORDER.indexOf(state(index)));
      tokens = Math.max(tokens, steps[index].in ?? 0);
    }
    pen.fillStyle = colors[worst];
    pen.fillRect(2, y, 4, Math.max(1, size - 1));
    pen.fillStyle = color("--soft");
    pen.fillRect(8, y, Math.round((4 * tokens) / most), Math.max(1, size - 1));
  }
};

// Where a value of a rule stands in what the model was handed.
const literal = (value) => (/^".*"$/s.test(value) ? value.slice(1, -1) : value);
const stands = (value) => {
  const word = literal(value);
  if (!word || ["true", "false", "null"].includes(word)) return [];
  const alone = new RegExp(`(?<!\\w)${word.replace(/[\^$\\.*+?()[\]{}|/]/g, "\\$&")}(?!\\w)`, "u");
  return [setting(steps[current]).system, ...context(current)].filter((place) => alone.test(text(place)));
};
const where = (value) => {
  whole = true;
  sought = literal(value);
  show();
  at("step").querySelector("mark")?.scrollIntoView({ block: "center" });
  say(`the context shows where ${sought} stands`);
};
const why = (step) => (step.rules ?? []).map((rule) => {
  const values = make("dl", "values");
  for (const [source, value] of rule.values) {
    const count = stands(value).length;
    const place = count ? button(`in ${count} of the texts it read`, () => where(value)) : make("span", "nowhere", source.startsWith("params.") ? "of the policy" : "");
    values.append(make("dt", "", source), make("dd", "", value), make("dd", "place", place));
  }
  const failed = rule.outcome === "fail";
  const head = make("p", "", make("strong", failed ? "fail" : "error", rule.rule), ` ${rule.message}`);
  const place = make("p", "meta", `${rule.action} · ${failed ? "does not hold" : "could not be evaluated"} · `, make("span", "mono", rule.place));
  return make("div", failed ? "card why" : "card why unsure", head, place, rule.values.length ? values : "");
});

// Lines of two texts; beginnings and ends that are the same are left out.
const lines = (then, now) => {
  const a = then.split("\n"), b = now.split("\n");
  let begin = 0, end = 0;
  while (begin < Math.min(a.length, b.length) && a[begin] === b[begin]) begin++;
  while (end < Math.min(a.length, b.length) - begin && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const pre = make("pre", "");
  for (const row of a.slice(begin, a.length - end)) pre.append(make("span", "del", `− ${row}`));
  for (const row of b.slice(begin, b.length - end)) pre.append(make("span", "ins", `+ ${row}`));
  return pre;
};
// What the model was handed, by part: of its tokens where the run knows them, else of the characters.
const share = (step, all) => {
  const sizes = PARTS.map(() => 0);
  for (const place of [setting(step).system, setting(step).tools, ...all]) {
    const part = PARTS.indexOf(who(place));
    sizes[part < 0 ? PARTS.length - 1 : part] += run.lengths[place] ?? text(place).length;
  }
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (!total) return [];
  const bar = make("div", "share"), legend = make("ul", "legend");
  sizes.forEach((size, part) => {
    if (!size) return;
    const piece = make("span", `p${part}`), amount = step.in ? `≈ ${grouped(Math.round((step.in * size) / total))}` : grouped(size);
    piece.style.flexGrow = String(size);
    bar.append(piece);
    legend.append(make("li", "", make("i", `p${part}`), `${PARTS[part]} ${amount} (${Math.round((100 * size) / total)} %)`));
  });
  return [heading(step.in ? `${grouped(step.in)} tokens by part` : "characters by part"), make("div", "", bar, legend)];
};
const talk = (step, all) => {
  const previous = steps[current - 1], dropped = previous ? context(current - 1).length - step.keep : 0;
  const { system } = setting(step), before = previous ? setting(previous).system : system, fresh = added(current), parts = [];
  if (difference && system !== before) parts.push(heading("instructions changed"), make("div", "card", lines(text(before), text(system))));
  const counts = `${fresh.length} new, ${dropped} dropped since step ${current - 1}, ${all.length} in all`;
  const card = make("div", "card");
  if (whole && text(system)) card.append(said(system));
  card.append(...(whole ? all : fresh).map(said));
  if (!card.childNodes.length) card.append("nothing new");
  return [...parts, heading(previous ? `context: ${counts}` : `context: ${all.length} messages`), card];
};
const answers = (step) => {
  const answer = make("div", "card", make("pre", "", text(step.answer) || "no answer")), there = twin(current);
  if (!other) return [heading("answer"), answer];
  answer.prepend(make("p", "meta", run.id));
  const title = data.diverges === current ? "answers: here the two runs part" : parted(current) ? "answers of the two runs differ" : "answers of the two runs are the same";
  const beside = make("div", "card", make("p", "meta", other.id), make("pre", "", there ? text(there.answer, other) || "no answer" : "ended before"));
  const parts = [heading(title), make("div", "sides", answer, beside)];
  const mine = text(setting(step).system), theirs = there ? text(setting(there, other).system, other) : mine;
  if (mine !== theirs) parts.push(heading("instructions of the two runs differ"), make("div", "card", lines(mine, theirs)));
  return parts;
};
const todo = () => (data.next ?? []).map(([what, command]) => make("p", "meta", `${what} `, make("code", "mono", command.replaceAll("STEP", String(current)))));
const show = () => {
  const step = steps[current], kind = state(current), all = context(current);
  const { agent, model, grade, parameters, system, tools } = setting(step);
  const facts = [agent, model, grade, step.ms == null ? "" : `${grouped(step.ms)} ms`, step.in == null ? "" : `${grouped(step.in)} tokens in`,
    step.out == null ? "" : `${grouped(step.out)} out`, step.usd ? `$${step.usd}` : ""].filter(Boolean).join(" · ");
  const actions = make("div", "actions");
  if (data.step) {
    const link = make("a", "button main", "replay or keep ", make("kbd", "", "p"));
    link.href = data.step + current;
    actions.append(link);
  }
  actions.append(button(whole ? "only new" : "whole context", keys.c[0]), button(raw ? "hide request" : "request", keys.r[0]));
  const title = make("h2", "", make("span", kind, SIGN[kind]), ` Step ${current}`);
  const parts = [make("div", "head", title, make("span", "meta", WORD[kind]), actions), make("p", "meta", facts)];
  if (step.rules) parts.push(heading("why"), ...why(step));
  if (!whole) parts.push(...talk(step, all), ...answers(step));
  else parts.push(...answers(step), ...talk(step, all));
  if (step.ran) parts.push(heading("tools that ran"), make("div", "card", ...step.ran.map(said)));
  parts.push(...share(step, all));
  if (raw) {
    parts.push(heading("request"), ...[`parameters ${parameters}`, text(system) || "no instructions", text(tools) || "no tools"]
      .map((body) => make("div", "card", make("pre", "", body))));
  }
  if (data.next?.length) parts.push(heading("what to do"), make("div", "card", ...todo()));
  at("step").replaceChildren(...parts);
  at("step").scrollTop = 0;
};

const link = () => `#${encodeURIComponent(run.id)}/${current}/${whole ? "context" : raw ? "request" : "answer"}`;
const open = (index, focus) => {
  if (!steps.length) return;
  current = Math.max(0, Math.min(index, steps.length - 1));
  const top = current * HEIGHT;
  if (top < rail.scrollTop || top + HEIGHT > rail.scrollTop + rail.clientHeight) rail.scrollTop = top - rail.clientHeight / 2;
  draw();
  show();
  if (focus) rows.get(current)?.focus({ preventScroll: true });
  say(`step ${current}, ${grouped(current + 1)} of ${grouped(steps.length)}, ${WORD[state(current)]}`);
  history.replaceState(null, "", link());
};
const from = () => {
  const [name, step, part] = location.hash.slice(1).split("/");
  if (!name || decodeURIComponent(name) !== run.id || !/^\d{1,9}$/.test(step ?? "")) return first();
  whole = part === "context";
  raw = part === "request";
  return Number(step);
};
const next = (way, wanted, none) => {
  for (let index = current + way; index >= 0 && index < steps.length; index += way) if (wanted(index)) return open(index, true);
  say(none);
};
const find = (words) => {
  if (!words) return;
  const word = words.toLowerCase(), hit = new Set();
  run.texts.forEach((body, place) => { if (body.toLowerCase().includes(word)) hit.add(place); });
  for (let count = 1; count <= steps.length; count++) {
    const index = (current + count) % steps.length, step = steps[index];
    if ([step.answer, setting(step).system, ...added(index), ...(step.ran ?? [])].some((place) => hit.has(place))) {
      sought = words;
      return open(index, true);
    }
  }
  say("not found");
};
const help = () => {
  at("keys").hidden = !at("keys").hidden;
  at("help").setAttribute("aria-expanded", String(!at("keys").hidden));
};
const copy = () => {
  history.replaceState(null, "", link());
  navigator.clipboard?.writeText(location.href).catch(() => {});
  say("link copied");
};
const keys = {
  j: [() => open(current + 1, true), "next step"], k: [() => open(current - 1, true), "previous step"],
  e: [() => next(1, broken, "no later step broke"), "next step that broke"], E: [() => next(-1, broken, "no earlier step broke"), "previous one"],
  "]": [() => next(1, parted, "no later difference"), "next difference of two runs"], "[": [() => next(-1, parted, "no earlier difference"), "previous one"],
  c: [() => { whole = !whole; if (!whole) sought = ""; open(current, true); }, "whole context, or only what is new"],
  d: [() => { difference = !difference; show(); }, "difference of the instructions"], r: [() => { raw = !raw; open(current, true); }, "request as recorded"],
  "/": [() => at("search").focus(), "search"], g: [() => { digits = ""; say("go to step"); }, "then 1 2 Enter: go to step 12"],
  y: [copy, "copy a link to this step"], p: [() => { if (data.step) location.href = data.step + current; else say("replay needs runback-gate serve"); }, "replay or keep this step (with serve)"], "?": [help, "these keys"],
};
const moves = { ArrowDown: keys.j[0], ArrowUp: keys.k[0], Home: () => open(0, true), End: () => open(steps.length - 1, true) };
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
  const act = keys[event.key]?.[0] ?? (rail.contains(event.target) ? moves[event.key] : null);
  if (act) { event.preventDefault(); act(); }
});
rail.addEventListener("scroll", draw);
window.addEventListener("resize", draw);
new ResizeObserver(() => setTimeout(map)).observe(at("map"));
window.addEventListener("hashchange", () => open(from(), false));
at("help").addEventListener("click", help);
at("map").addEventListener("click", (event) => open(Math.floor(event.offsetY / Math.min(HEIGHT, at("map").clientHeight / steps.length)), true));

// What stands above the steps.
at("keys").firstElementChild.append(...Object.entries(keys).map(([key, [, what]]) => make("div", "", make("dt", "", make("kbd", "", key)), make("dd", "", what))));
at("back").hidden = !data.step;
at("title").textContent = run.agent || run.id;
const total = (name) => steps.reduce((sum, step) => sum + (step[name] ?? 0), 0);
const count = (kind) => steps.filter((step) => step.mark === kind).length;
const cost = steps.reduce((sum, step) => sum + Number(step.usd ?? 0), 0);
at("facts").textContent = [`run ${run.id}`, run.at, `${grouped(steps.length)} ${steps.length === 1 ? "step" : "steps"}`, count("fail") ? `${grouped(count("fail"))} refused` : "",
  count("error") ? `${grouped(count("error"))} with errors` : "", total("ms") ? `${(total("ms") / 1000).toFixed(1)} s` : "",
  total("in") + total("out") ? `${grouped(total("in") + total("out"))} tokens` : "", cost ? `$${cost.toFixed(4)}` : "", run.error].filter(Boolean).join(" · ");
const badge = (what, kind) => make("li", `badge ${kind ?? ""}`, what);
at("badges").append(badge(run.status, { ok: "good", error: "bad", truncated: "bad" }[run.status]),
  run.tampered ? badge(`tampered at line ${run.tampered}: what stands before it is shown`, "bad") : badge("chain verified when written", "good"),
  badge(`redaction ${run.redaction}${run.redacted ? `, ${grouped(run.redacted)} replaced` : ""}`), badge(run.judged ? "judged" : "not judged"));
if (data.keys) help();
open(from(), false);
