// The page of an audit record: it checks the bytes beside it, marks the line that was changed, and asks no server for anything.
const at = (id) => document.getElementById(id);
const make = (tag, name, ...inner) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...inner);
  return made;
};
const given = JSON.parse(at("data").textContent);
const bytes = base64(given.record), shown = split(bytes), AROUND = 12;
const grouped = (number) => number.toLocaleString("en");
const many = (count, noun) => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
const WORD = { valid: "VALID", unverified: "UNVERIFIED", invalid: "INVALID" };
let key = null, earlier = null, broken = 0, first = 1;

const list = () => {
  const last = Math.min(shown.length, first + 2 * AROUND);
  at("lines").replaceChildren(...shown.slice(first - 1, last).map((line, offset) => {
    const number = first + offset, text = new TextDecoder().decode(line.subarray(0, 2000)).trimEnd();
    const row = make("li", number === broken ? "line changed" : "line", make("span", "number", String(number)), make("pre", "", text + (line.length > 2000 ? "…" : "")));
    if (number === broken) row.prepend(make("strong", "", "changed here "));
    return row;
  }));
  at("where").textContent = shown.length ? `lines ${grouped(first)} to ${grouped(last)} of ${grouped(shown.length)}` : "no line";
};
const go = (line) => { first = Math.max(1, Math.min(line, shown.length - 2 * AROUND)); list(); };
const fail = (message) => {
  document.body.className = "";
  at("status").textContent = "NOT CHECKED";
  at("why").textContent = "";
  at("facts").replaceChildren();
  at("fault").textContent = message;
};
const fact = (name, value) => [make("dt", "", name), make("dd", "", value)];
const check = async () => {
  at("status").textContent = "checking …";
  let found;
  try {
    found = await verify(bytes, key, earlier);
  } catch (error) {
    fail(error.message);
    return;
  }
  broken = found.status === "invalid" ? found.line : 0;
  document.body.className = found.status;
  at("status").textContent = WORD[found.status];
  at("why").textContent = broken ? `line ${grouped(broken)} of ${grouped(shown.length)}: ${found.message}` : found.message || "every line is the one that was signed";
  const { counts, told } = found, facts = [["lines", grouped(shown.length)]];
  if (counts) facts.push(["carries", `${many(counts.runs, "run")} · ${many(counts.reports, "report")} · ${many(counts.events, "event")}`], ["values", `${counts.held} to read · ${counts.erased} erased · ${counts.withheld} withheld`]);
  if (told) facts.push(["checkpoint", `${told.at.origin} · ${grouped(told.at.size)} leaves · root ${told.at.root}`], ["made", `${told.predicate.created} by ${told.predicate.tool}, as its exporter said`]);
  if (earlier) facts.push(["kept elsewhere", `${earlier.origin} · ${grouped(earlier.size)} leaves · ${broken ? "not valid" : "the record begins with them"}`]);
  if (found.root) facts.push(["root of these lines", found.root]);
  at("facts").replaceChildren(...facts.flatMap(([name, value]) => fact(name, value)));
  go(broken ? broken - AROUND : first);
};
at("key").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [pem, kept] = ["pem", "kept"].map((id) => at(id).value.trim());
  at("fault").textContent = "";
  try {
    [key, earlier] = [pem ? await readKey(pem) : null, kept ? readCheckpoint(kept) : null];
  } catch (error) {
    fail(error.message);
    return;
  }
  await check();
});
at("before").addEventListener("click", () => go(first - 2 * AROUND));
at("after").addEventListener("click", () => go(first + 2 * AROUND));
at("broken").addEventListener("click", () => go((broken || 1) - AROUND));
at("name").textContent = given.name;
check();
