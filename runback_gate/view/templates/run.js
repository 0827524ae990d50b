// The page of a run. It reads the JSON beside it, writes text nodes alone, and asks no server for anything.
const data = JSON.parse(document.getElementById("data").textContent);
const { run, other, cause } = data;
// Rows: a step of the run, of the one beside it, or of both.
const places = data.rows.flatMap(([own, beside, count]) => Array.from({ length: count }, (_, more) => [own == null ? null : own + more, beside == null ? null : beside + more]));
const HEIGHT = 28;
const SIGN = { fail: "✗", error: "!", differs: "≠", dropped: "−", added: "+", ok: "✓" };
const ORDER = Object.keys(SIGN);
const WORD = { fail: "refused by a rule", error: "error", differs: "answers differ", dropped: "in this run alone", added: "in the other run alone", ok: "nothing found" };
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
// A row has a side that is shown first: the run and the step.
const own = (row) => places[row][0];
const side = (row) => (own(row) == null ? [other, places[row][1]] : [run, own(row)]);
const name = (row) => String(own(row) ?? `+${places[row][1]}`);
const text = (place, of = run) => of.texts[place];
const who = (place, of = run) => of.speakers[of.who[place]];
const setting = (step, of = run) => of.settings[step.setting];
const mark = (row) => (own(row) == null ? "ok" : run.steps[own(row)].mark ?? "ok");
const answer = ([of, number]) => (number == null ? null : text(of.steps[number].answer, of));
// An answer on one line, as the rail and a screen reader have it.
const label = (row) => {
  const one = answer(side(row)).slice(0, 240).replace(/\s+/g, " ").replaceAll("( ", "(").replaceAll(" )", ")");
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
const parted = (row) => other != null && answer([run, own(row)]) !== answer([other, places[row][1]]);
const state = (row) => (mark(row) !== "ok" || !parted(row) ? mark(row) : own(row) == null ? "added" : places[row][1] == null ? "dropped" : "differs");
const broken = (row) => mark(row) !== "ok";
const where = (number, at = 0) => places.findIndex((place) => place[at] === number);
const parting = places.findIndex((_, row) => parted(row));
const first = () => {
  if (cause) return where(cause.step);
  for (const worst of ["fail", "error"]) {
    const row = places.findIndex((_, index) => mark(index) === worst);
    if (row >= 0) return row;
  }
  return parting < 0 ? places.length - 1 : parting;
};

// The messages of a step: a part of those of the step before it, then its own.
const added = (index, of = run) => of.steps[index].add.flatMap((item) => (Array.isArray(item) ? Array.from({ length: item[1] - item[0] + 1 }, (_, count) => item[0] + count) : [item]));
const context = (index, of = run) => {
  const pieces = [];
  let need = Infinity;
  for (let here = index; here >= 0 && need > 0; here--) {
    const { keep } = of.steps[here];
    pieces.push(added(here, of).slice(0, Math.max(0, need - keep)));
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
const shell = (of, number) => `runback-gate runs show ${of.name} ${number} --json`;
// A text of a run; `weight` says whether it matters where a cause is known.
const said = (place, of = run, weight = "", body = null) => {
  const speaker = make("span", "who", who(place, of), weight === "matters" ? make("strong", "", "matters") : "");
  const pre = body ?? make("pre", "", ...marked(text(place, of)));
  // Only what a command can show is left out: the texts of a recorded run.
  const command = of.lengths[place] != null && of.name ? make("p", "meta", "shown by ", make("code", "mono", shell(of, side(current)[1]))) : "";
  return make("div", `said ${who(place, of) === "customer" ? "asked" : ""} ${weight}`, speaker, make("div", "", pre, command));
};

// The rail: as many rows as can be seen, and a few around them.
const rail = at("rail"), space = at("space"), rows = new Map();
space.style.height = `${places.length * HEIGHT}px`;
const draw = () => {
  const top = Math.max(0, Math.floor(rail.scrollTop / HEIGHT) - 5);
  const end = Math.min(places.length, top + Math.ceil((rail.clientHeight || 600) / HEIGHT) + 10);
  for (const [index, row] of rows) if (index < top || index >= end) { row.remove(); rows.delete(index); }
  for (let index = top; index < end; index++) {
    if (!rows.has(index)) rows.set(index, line(index));
    const row = rows.get(index), here = index === current;
    row.setAttribute("aria-selected", String(here));
    row.tabIndex = here ? 0 : -1;
  }
};
const line = (index) => {
  const [of, number] = side(index), step = of.steps[number], kind = state(index);
  const row = make("div", "row", make("span", "number", name(index)), make("span", `mark ${kind}`, SIGN[kind]), make("span", "label", label(index)),
    make("span", "ms", step.ms == null ? "" : `${grouped(step.ms)} ms`));
  row.style.top = `${index * HEIGHT}px`;
  row.setAttribute("role", "option");
  row.setAttribute("aria-posinset", String(index + 1));
  row.setAttribute("aria-setsize", String(places.length));
  row.setAttribute("aria-label", `step ${name(index)}, ${WORD[kind]}: ${label(index)}`);
  row.addEventListener("click", () => open(index, true));
  const next = [...rows.keys()].filter((key) => key > index).sort((a, b) => a - b)[0];
  space.insertBefore(row, next == null ? null : rows.get(next));
  return row;
};
// The whole run in two strips: the worst mark and the most tokens of the steps that share a line of pixels.
const map = () => {
  const canvas = at("map"), height = canvas.clientHeight, pen = canvas.getContext("2d");
  if (!height || !pen || !places.length) return;
  canvas.width = 14;
  canvas.height = height;
  const style = getComputedStyle(document.documentElement), color = (name) => style.getPropertyValue(name);
  const colors = ["--fail", "--undecided", "--waived", "--waived", "--waived", "--line"].map(color);
  const used = (row) => { const [of, number] = side(row); return of.steps[number].in ?? 0; };
  const size = Math.min(HEIGHT, height / places.length), most = places.reduce((top, _, row) => Math.max(top, used(row)), 1);
  for (let y = 0, index = 0; index < places.length; y += Math.max(1, size)) {
    let worst = ORDER.length - 1, tokens = 0;
    const end = Math.max(index + 1, Math.min(places.length, Math.round((y + Math.max(1, size)) / size)));
    for (; index < end; index++) {
      worst = Math.min(worst, ORDER.indexOf(state(index)));
      tokens = Math.max(tokens, used(index));
    }
    pen.fillStyle = colors[worst];
    pen.fillRect(2, y, 4, Math.max(1, size - 1));
    pen.fillStyle = color("--soft");
    pen.fillRect(8, y, Math.round((4 * tokens) / most), Math.max(1, size - 1));
  }
};

// Where a value of a rule stands in what the model was handed.
const literal = (value) => (/^".*"$/s.test(value) ? value.slice(1, -1) : value);
const stands = (value, step) => {
  const word = literal(value);
  if (!word || ["true", "false", "null"].includes(word)) return [];
  const alone = new RegExp(`(?<!\\w)${word.replace(/[\^$\\.*+?()[\]{}|/]/g, "\\$&")}(?!\\w)`, "u");
  return [setting(step).system, ...context(own(current))].filter((place) => alone.test(text(place)));
};
const locate = (value) => {
  whole = true;
  sought = literal(value);
  show();
  at("step").querySelector("mark")?.scrollIntoView({ block: "center" });
  say(`the context shows where ${sought} stands`);
};
const why = (step) => (step.rules ?? []).map((rule) => {
  const values = make("dl", "values");
  for (const [source, value] of rule.values) {
    const count = stands(value, step).length;
    const place = count ? button(`in ${count} of the texts it read`, () => locate(value)) : make("span", "nowhere", source.startsWith("params.") ? "of the policy" : "");
    values.append(make("dt", "", source), make("dd", "", value), make("dd", "place", place));
  }
  const failed = rule.outcome === "fail";
  const head = make("p", "", make("strong", failed ? "fail" : "error", rule.rule), ` ${rule.message}`);
  const place = make("p", "meta", `${rule.action} · ${failed ? "does not hold" : "could not be evaluated"} · `, make("span", "mono", rule.place));
  return make("div", failed ? "card why" : "card why unsure", head, place, rule.values.length ? values : "");
});

// Lines of two texts; beginnings and ends that are the same are left out, or stand there unmarked.
const parts = (then, now) => {
  const a = then.split("\n"), b = now.split("\n");
  let begin = 0, end = 0;
  while (begin < Math.min(a.length, b.length) && a[begin] === b[begin]) begin++;
  while (end < Math.min(a.length, b.length) - begin && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return [a, b].map((rows) => ({ before: rows.slice(0, begin), own: rows.slice(begin, rows.length - end), after: rows.slice(rows.length - end) }));
};
const lines = (then, now) => {
  const [a, b] = parts(then, now), pre = make("pre", "");
  for (const row of a.own) pre.append(make("span", "del", `− ${row}`));
  for (const row of b.own) pre.append(make("span", "ins", `+ ${row}`));
  return pre;
};
const plain = (rows) => rows.map((row) => make("span", "line", row || " "));
const beside = (then, now) => parts(then, now).map((rows) =>
  make("pre", "", ...plain(rows.before), ...rows.own.map((row) => make("mark", "line", row || " ")), ...plain(rows.after)));
// What the model was handed, by part: of its tokens where the run knows them, else of the characters.
const share = (step, all, of) => {
  const sizes = PARTS.map(() => 0);
  for (const place of [setting(step, of).system, setting(step, of).tools, ...all]) {
    const part = PARTS.indexOf(who(place, of));
    sizes[part < 0 ? PARTS.length - 1 : part] += of.lengths[place] ?? text(place, of).length;
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
// Whether a message matters, where this step's cause is known.
const weight = (known, index) => (!known?.found ? "" : known.messages.includes(index) ? "matters" : "grey");
const prompt = (known) => make("pre", "", ...known.system.map(([piece, matters]) => (matters ? make("span", "matters", ...marked(piece)) : make("span", "grey", ...marked(piece)))));
const talk = (step, number, all, of, known) => {
  const previous = of.steps[number - 1], dropped = previous ? context(number - 1, of).length - step.keep : 0;
  const { system } = setting(step, of), before = previous ? setting(previous, of).system : system, fresh = added(number, of), found = [];
  if (difference && system !== before) found.push(heading("instructions changed"), make("div", "card", lines(text(before, of), text(system, of))));
  const counts = `${fresh.length} new, ${dropped} dropped since step ${number - 1}, ${all.length} in all`;
  const card = make("div", "card");
  if (whole && text(system, of)) card.append(known?.found ? said(system, of, known.system.length > 1 ? "matters" : "grey", prompt(known)) : said(system, of));
  card.append(...(whole ? all.map((place, index) => said(place, of, weight(known, index))) : fresh.map((place) => said(place, of))));
  if (!card.childNodes.length) card.append("nothing new");
  return [...found, heading(previous ? `context: ${counts}` : `context: ${all.length} messages`), card];
};
const answers = (row) => {
  const [mine, theirs] = [[run, own(row)], [other, places[row][1]]];
  if (!other) return [heading("answer"), make("div", "card", make("pre", "", answer(mine) || "no answer"))];
  const bodies = answer(mine) == null || answer(theirs) == null ? [mine, theirs].map((item) => make("pre", "", answer(item) ?? "no such step")) : beside(answer(mine) || "no answer", answer(theirs) || "no answer");
  const titles = { dropped: "a step of this run alone", added: "a step of the other run alone", differs: "answers of the two runs differ" };
  const title = row === parting ? "answers: here the two runs part" : parted(row) ? titles[own(row) == null ? "added" : theirs[1] == null ? "dropped" : "differs"] : "answers of the two runs are the same";
  const cards = [mine, theirs].map(([of, number], which) => {
    const rules = number == null ? [] : of.steps[number].rules ?? [];
    const said = rules.map((rule) => make("p", rule.outcome === "fail" ? "fail" : "error", `${rule.outcome === "fail" ? "✗" : "!"} ${rule.rule} ${rule.message}`));
    if (!said.length && number != null && of.judged) said.push(make("p", "ok", "✓ no rule refuses it"));
    return make("div", "card", make("p", "meta", number == null ? of.id : `${of.id} step ${number}`), bodies[which], ...said);
  });
  const found = [heading(title), make("div", "sides", ...cards)];
  if (mine[1] == null || theirs[1] == null) return found;
  const [one, two] = [mine, theirs].map(([of, number]) => text(setting(of.steps[number], of).system, of));
  if (one !== two) found.push(heading("instructions of the two runs differ"), make("div", "card", lines(one, two)));
  return found;
};
const causes = (known) => {
  const facts = make("dl", "facts", ...known.facts.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]));
  const reply = known.answer ? [make("p", "meta", "an answer to these parts alone"), make("pre", "", known.answer)] : [];
  return [heading("cause"), make("div", known.found ? "card why" : "card", facts, ...reply)];
};
const todo = (number) => (data.next ?? []).map(([what, command]) => make("p", "meta", `${what} `, make("code", "mono", command.replaceAll("STEP", String(number)))));
const show = () => {
  const [of, number] = side(current), step = of.steps[number], kind = state(current), all = context(number, of), known = of === run && cause?.step === number ? cause : null;
  const { agent, model, grade, parameters, system, tools } = setting(step, of);
  const facts = [agent, model, grade, step.ms == null ? "" : `${grouped(step.ms)} ms`, step.in == null ? "" : `${grouped(step.in)} tokens in`,
    step.out == null ? "" : `${grouped(step.out)} out`, step.usd ? `$${step.usd}` : ""].filter(Boolean).join(" · ");
  const actions = make("div", "actions");
  if (data.step && of === run) {
    const link = make("a", "button main", "replay or keep ", make("kbd", "", "p"));
    link.href = data.step + number;
    actions.append(link);
  }
  actions.append(button(whole ? "only new" : "whole context", keys.c[0]), button(raw ? "hide request" : "request", keys.r[0]));
  const title = make("h2", "", make("span", kind, SIGN[kind]), ` Step ${name(current)}`);
  const found = [make("div", "head", title, make("span", "meta", WORD[kind]), actions), make("p", "meta", facts)];
  if (step.rules) found.push(heading("why"), ...why(step));
  if (known) found.push(...causes(known));
  if (!whole) found.push(...talk(step, number, all, of, known), ...answers(current));
  else found.push(...answers(current), ...talk(step, number, all, of, known));
  if (step.ran) found.push(heading("tools that ran"), make("div", "card", ...step.ran.map((place) => said(place, of))));
  found.push(...share(step, all, of));
  if (raw) {
    found.push(heading("request"), ...[`parameters ${parameters}`, text(system, of) || "no instructions", text(tools, of) || "no tools"]
      .map((body) => make("div", "card", make("pre", "", body))));
    if (of.name) found.push(make("p", "meta", "all of this step as JSON: ", make("code", "mono", shell(of, number))));
  }
  if (data.next?.length && of === run) found.push(heading("what to do"), make("div", "card", ...todo(number)));
  at("step").replaceChildren(...found);
  at("step").scrollTop = 0;
};

const link = () => `#${encodeURIComponent(run.id)}/${name(current)}/${whole ? "context" : raw ? "request" : "answer"}`;
const open = (index, focus) => {
  if (!places.length) return;
  current = Math.max(0, Math.min(index, places.length - 1));
  const top = current * HEIGHT;
  if (top < rail.scrollTop || top + HEIGHT > rail.scrollTop + rail.clientHeight) rail.scrollTop = top - rail.clientHeight / 2;
  draw();
  show();
  if (focus) rows.get(current)?.focus({ preventScroll: true });
  say(`step ${name(current)}, ${grouped(current + 1)} of ${grouped(places.length)}, ${WORD[state(current)]}`);
  history.replaceState(null, "", link());
};
const from = () => {
  const [id, step, part] = location.hash.slice(1).split("/");
  if (!id || decodeURIComponent(id) !== run.id || !/^\+?\d{1,9}$/.test(step ?? "")) {
    whole = cause != null;
    return first();
  }
  whole = part === "context";
  raw = part === "request";
  const row = step[0] === "+" ? where(Number(step), 1) : where(Number(step));
  return row < 0 ? places.length - 1 : row;
};
const next = (way, wanted, none) => {
  for (let index = current + way; index >= 0 && index < places.length; index += way) if (wanted(index)) return open(index, true);
  say(none);
};
const find = (words) => {
  if (!words) return;
  const word = words.toLowerCase(), hits = new Map([run, other].filter(Boolean).map((of) => [of, new Set()]));
  for (const [of, hit] of hits) of.texts.forEach((body, place) => { if (body.toLowerCase().includes(word)) hit.add(place); });
  for (let count = 1; count <= places.length; count++) {
    const row = (current + count) % places.length, [of, number] = side(row), step = of.steps[number];
    if ([step.answer, setting(step, of).system, ...added(number, of), ...(step.ran ?? [])].some((place) => hits.get(of).has(place))) {
      sought = words;
      return open(row, true);
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
  y: [copy, "copy a link to this step"], p: [() => { if (data.step && own(current) != null) location.href = data.step + own(current); else say("replay needs runback-gate serve"); }, "replay or keep this step (with serve)"], "?": [help, "these keys"],
};
const moves = { ArrowDown: keys.j[0], ArrowUp: keys.k[0], Home: () => open(0, true), End: () => open(places.length - 1, true) };
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
    if (event.key === "Enter" && goal) { event.preventDefault(); open(where(Math.min(Number(goal), run.steps.length - 1)), true); return; }
  }
  const act = keys[event.key]?.[0] ?? (rail.contains(event.target) ? moves[event.key] : null);
  if (act) { event.preventDefault(); act(); }
});
rail.addEventListener("scroll", draw);
window.addEventListener("resize", draw);
new ResizeObserver(() => setTimeout(map)).observe(at("map"));
window.addEventListener("hashchange", () => open(from(), false));
at("help").addEventListener("click", help);
at("map").addEventListener("click", (event) => open(Math.floor(event.offsetY / Math.min(HEIGHT, at("map").clientHeight / places.length)), true));

// What stands above the steps.
at("keys").firstElementChild.append(...Object.entries(keys).map(([key, [, what]]) => make("div", "", make("dt", "", make("kbd", "", key)), make("dd", "", what))));
at("back").hidden = !data.step;
at("title").textContent = run.agent || run.id;
const { steps } = run;
const total = (field) => steps.reduce((sum, step) => sum + (step[field] ?? 0), 0);
const count = (kind) => steps.filter((step) => step.mark === kind).length;
const cost = steps.reduce((sum, step) => sum + Number(step.usd ?? 0), 0);
at("facts").textContent = [`run ${run.id}`, run.at, `${grouped(steps.length)} ${steps.length === 1 ? "step" : "steps"}`, count("fail") ? `${grouped(count("fail"))} refused` : "",
  count("error") ? `${grouped(count("error"))} with errors` : "", total("ms") ? `${(total("ms") / 1000).toFixed(1)} s` : "",
  total("in") + total("out") ? `${grouped(total("in") + total("out"))} tokens` : "", cost ? `$${cost.toFixed(4)}` : "", run.error].filter(Boolean).join(" · ");
if (other) {
  const tally = (wanted) => places.filter((place, row) => parted(row) && wanted(...place)).length;
  const told = [[tally((mine, theirs) => mine != null && theirs != null), "answered otherwise"], [tally((_, theirs) => theirs == null), "in this run alone"], [tally((mine) => mine == null), "in the other run alone"]];
  const said = told.filter(([number]) => number).map(([number, what]) => `${grouped(number)} ${what}`).join(", ");
  at("facts").textContent += ` · beside ${other.id}: ${said || "the same answers"}`;
}
const badge = (what, kind) => make("li", `badge ${kind ?? ""}`, what);
at("badges").append(badge(run.status, { ok: "good", error: "bad", truncated: "bad" }[run.status]),
  run.tampered ? badge(`tampered at line ${run.tampered}: what stands before it is shown`, "bad") : badge("chain verified when written", "good"),
  badge(`redaction ${run.redaction}${run.redacted ? `, ${grouped(run.redacted)} replaced` : ""}`), badge(run.judged ? "judged" : "not judged"));
if (data.keys) help();
open(from(), false);
