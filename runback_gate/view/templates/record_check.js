// Checks an audit record as `audit verify` does, with the browser's own SHA-256 and signatures.
// The lines that a record carries must give its own lines again, byte for byte (docs/formats/audit-record.md).
const BLOCK = 64, PREDICATE = "https://runback.dev/audit-record/v1", IN_TOTO = "application/vnd.in-toto+json";
const START = `sha256:${"0".repeat(64)}`;
const encoder = new TextEncoder(), strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const bytesOf = (text) => encoder.encode(text);
const sha = async (data) => new Uint8Array(await crypto.subtle.digest("SHA-256", data));
const hex = (data) => Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
const joined = (...parts) => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return whole;
};
const same = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);
const base64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const encoded = (data) => btoa(String.fromCharCode(...data));

// Canonical JSON (RFC 8785): keys by UTF-16, no white space. Numbers other than safe integers have a form of their own there.
const canonical = (value) => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value && typeof value === "object") return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new Error("number");
  return JSON.stringify(value);
};
// The value of a line in canonical JSON; undefined where it is none.
const read = (text) => {
  try {
    const value = JSON.parse(text);
    return canonical(value) === text ? value : undefined;
  } catch { return undefined; }
};
const decoded = (data) => { try { return strict.decode(data); } catch { return null; } };
const own = (kind, fields) => `${canonical({ audit: kind, ...fields })}\n`;

const split = (data) => {
  const lines = [];
  for (let start = 0; start < data.length;) {
    const found = data.indexOf(10, start), end = found < 0 ? data.length : found + 1;
    lines.push(data.subarray(start, end));
    start = end;
  }
  return lines;
};

// A value line: held, erased or withheld; null where it is none of these.
const valueState = async (line, text) => {
  if (text === null) return null;
  const held = /^\{"id":"sha256:([0-9a-f]{64})","salt":"([0-9a-f]{32})","value":/.exec(text);
  if (held && text.endsWith("}\n")) {
    const salt = Uint8Array.from(held[2].match(/../g), (pair) => parseInt(pair, 16));
    return hex(await sha(joined(salt, line.subarray(130, line.length - 2)))) === held[1] ? "held" : null;
  }
  const value = read(text.slice(0, -1));
  if (!value || !text.endsWith("\n") || Object.keys(value).length !== 2 || !/^sha256:[0-9a-f]{64}$/.test(value.id)) return null;
  if (value.withheld === true) return "withheld";
  const told = value.tombstone;
  if (told === true) return "erased";
  const known = told && typeof told === "object" && Object.keys(told).sort().join() === "at,reason" && typeof told.at === "string" && typeof told.reason === "string";
  return known && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(told.at) && told.reason.length > 0 && [...told.reason].length <= 500 ? "erased" : null;
};

class Tree {
  size = 0;
  peaks = [];
  async append(entry) {
    let leaf = await sha(joined(Uint8Array.of(0), bytesOf(entry)));
    for (let size = this.size; size % 2; size = Math.floor(size / 2)) leaf = await sha(joined(Uint8Array.of(1), this.peaks.pop(), leaf));
    this.peaks.push(leaf);
    this.size += 1;
  }
  async root() {
    if (!this.peaks.length) return sha(new Uint8Array());
    let root = this.peaks.at(-1);
    for (const peak of this.peaks.slice(0, -1).reverse()) root = await sha(joined(Uint8Array.of(1), peak, root));
    return root;
  }
}

// The first line of a block that its index line does not stand for, and how; null where that cannot be said.
const differing = (found, expected) => {
  let first = 0, end = 0;
  const room = Math.min(found.length, expected.length);
  while (first < room && found[first] === expected[first]) first++;
  if (first === room && found.length === expected.length) return null;
  while (end < room - first && found[found.length - 1 - end] === expected[expected.length - 1 - end]) end++;
  const ours = found.slice(first, found.length - end), theirs = expected.slice(first, expected.length - end);
  if (!ours.length) return ["lines before it are gone", first];
  if (!theirs.length) return ["it does not belong here", first];
  if (ours.length === theirs.length && [...ours].sort().join() === [...theirs].sort().join()) return ["the line was reordered", first];
  return ["the line was changed", first];
};

// The same of a block whose index line may be gone, or whose lines may be.
const misplaced = (block, index, expected) => {
  const entries = block.map((item) => item.entry);
  if (index.block === expected + 1 && block.length >= BLOCK) return ["the index line before it is gone", Math.min(BLOCK, block.length - 1)];
  if (index.block > expected) {
    const known = entries.findIndex((entry) => index.lines.includes(entry));
    return ["lines before it are gone", known < 0 ? block.length : known];
  }
  return differing(entries, index.lines);
};

// What a record is: its status, and the first line that is wrong. An earlier checkpoint that was kept elsewhere stands
// for the lines with which the record must begin; one of another log cannot be compared, and throws.
export const verify = async (data, key, earlier = null) => {
  const lines = split(data), tree = new Tree(), faults = [];
  const fault = (number, message) => faults.push({ line: number, message });
  let then = earlier?.size === 0 ? encoded(await tree.root()) : "";
  const counts = { erased: 0, events: 0, held: 0, reports: 0, runs: 0, withheld: 0 };
  let block = [], erased = {}, blocks = 0, index = [], asRead = [], ended = false, part = null, begun = false, statement = null, signature = null, blamed = null;
  const render = () => {
    const gone = Object.keys(erased).length ? `"erased":${canonical(erased)},` : "";
    return `{"audit":"index","block":${blocks},${gone}"lines":["${block.map((item) => item.entry).join('","')}"]}\n`;
  };
  const next = () => { block = []; erased = {}; blocks += 1; };

  for (const [at, line] of lines.entries()) {
    const number = at + 1, text = decoded(line), starts = (head) => text !== null && text.startsWith(head);
    const closing = starts('{"audit":"statement","statement":') || starts('{"audit":"signature","bundle":');
    if (statement === null && signature === null && starts('{"audit":"index",')) {
      asRead.push(line);
      const value = read(text.slice(0, -1));
      const known = value && typeof value.erased === "object" && value.erased ? value.erased : {};
      const all = erased;
      // A value that was erased after signing has a tombstone that the index does not know of.
      erased = Object.fromEntries(Object.entries(all).filter(([place]) => place in known));
      const ours = block.length ? render() : "", right = ours === text && block.length <= BLOCK;
      if (!right && !faults.length) {
        const named = value && Array.isArray(value.lines) ? value.lines : null;
        const found = named && block.length ? misplaced(block, value, blocks) : null;
        const odd = block.find((item) => item.odd);
        let place = found && found[1] < block.length ? { line: block[found[1]].number, message: found[0] } : null;
        if (!found && named) {
          const tomb = Object.entries(known).find(([spot, digest]) => all[spot] !== undefined && all[spot] !== digest);
          if (tomb) place = { line: block[Number(tomb[0])].number, message: "the tombstone was changed after signing" };
        }
        if (odd && (!place || odd.number < place.line)) place = { line: odd.number, message: odd.odd };
        blamed = { line: number, message: "the index line was changed" };
        fault(place ? place.line : number, place ? place.message : "the index line was changed");
      } else if (!faults.length) {
        const odd = block.find((item) => item.odd);
        if (odd) fault(odd.number, odd.odd);
      }
      ended = right && block.length < BLOCK;
      if (right || block.length >= BLOCK) {
        index.push(bytesOf(ours));
        next();
      } else erased = all;
      continue;
    }
    if (closing || statement !== null || signature !== null) {
      if (block.length) {
        const odd = block.find((item) => item.odd);
        if (!faults.length) fault(odd ? odd.number : ended ? block[0].number : number, odd ? odd.odd : ended ? "it stands behind the last index line" : "the index line before it is gone");
        index.push(bytesOf(render()));
        next();
      }
      if (starts('{"audit":"statement","statement":') && statement === null && signature === null) statement = { number, text };
      else if (starts('{"audit":"signature","bundle":') && signature === null) {
        if (statement === null) fault(number, "the statement before it is gone");
        signature = { number, text };
      } else fault(number, "it stands behind the end of the record");
      continue;
    }
    if (block.length > 4 * BLOCK && !faults.length) fault(block[BLOCK].number, "the index line before it is gone");
    let entry, odd = "";
    const digest = hex(await sha(line));
    if (starts('{"id":"sha256:')) {
      const state = await valueState(line, text);
      entry = `id:${text.slice(14, 78)}`;
      if (part) part.values += 1;
      if (state === null) odd = "it holds a value that does not match its id";
      else {
        counts[state] += 1;
        if (state === "erased") erased[String(block.length)] = digest;
        if (part?.kind !== "run") odd = "it stands outside of any run or report";
      }
    } else if (starts('{"audit":"')) {
      const value = read(text.slice(0, -1)) ?? {}, begins = /^\{"audit":"(run|report)",/.exec(text);
      entry = begins ? digest : `own:${digest}`;
      if (begins) {
        if (typeof value.name !== "string" || text !== own(begins[1], { name: value.name })) odd = `it does not begin a ${begins[1]}`;
        if (part) odd = "the line that closes the part before it is gone";
        part = { kind: begins[1], name: String(value.name), prev: START, events: 0, values: 0, lines: [] };
      } else if (part) {
        let expected = "";
        if (!text.startsWith('{"audit":"input",')) odd = "it is no line of a record";
        else {
          if (part.kind === "run") {
            const named = typeof value.digest === "string" && /^sha256:[0-9a-f]{64}$/.test(value.digest) ? value.digest : "";
            expected = own("input", { digest: named, events: part.events, head: part.prev, run: part.name, values: part.values });
          } else expected = own("input", { digest: `sha256:${hex(await sha(joined(...part.lines)))}`, lines: part.lines.length, report: part.name });
          counts.events += part.events;
          counts[part.kind === "run" ? "runs" : "reports"] += 1;
          part = null;
          if (text !== expected) odd = "it does not say what stands before it";
        }
      } else {
        if (begun || !text.startsWith('{"audit":"record",') || value.format !== "runback.audit/v1") odd = "it is no line of a record";
        begun = true;
      }
    } else {
      entry = digest;
      if (part?.kind === "run") {
        const value = text === null ? undefined : read(text.slice(0, -1)), quick = text === null ? -1 : text.lastIndexOf('"prev":"');
        const plain = quick > 0 && text.lastIndexOf("{", quick) === 0 && text.endsWith("}\n");
        if ((plain ? text.slice(quick + 8, quick + 79) : value?.prev) !== part.prev) odd = "it does not follow the event before it";
        part.prev = `sha256:${digest}`;
        part.events += 1;
      } else if (part) part.lines.push(line);
      else odd = "it stands outside of any run or report";
    }
    block.push({ number, entry, odd });
    if (!entry.startsWith("own:")) {
      await tree.append(entry);
      if (tree.size === earlier?.size) then = encoded(await tree.root());
    }
  }

  if (!lines.length || (decoded(lines[0]) ?? "").slice(0, 10) !== '{"audit":"' && !blocks && statement === null) return { status: "invalid", line: 1, message: "not an audit record", lines: lines.length, counts };
  const last = lines.at(-1);
  if (last.at(-1) !== 10 || (statement === null && signature === null)) {
    const odd = block.find((item) => item.odd && item.number < lines.length);
    if (odd && !faults.length) fault(odd.number, odd.odd);
    if (!faults.length || faults[0].line >= lines.length) faults.splice(0, faults.length, { line: lines.length, message: last.at(-1) !== 10 ? "the line is torn: the file ends inside it" : "the record ends behind this line" });
  }
  const found = faults.slice(0, 1), sealed = await signed(signature, key);
  const payload = statement?.text.endsWith("}\n") ? statement.text.slice('{"audit":"statement","statement":'.length, -2) : null;
  const claimed = (sealed.trusted ? [sealed.payload] : [payload, sealed.payload]).map((text) => stated(text)).filter(Boolean);
  const ourIndex = `sha256:${hex(await sha(joined(...index)))}`, theirIndex = `sha256:${hex(await sha(joined(...asRead)))}`;
  const root = encoded(await tree.root());
  const counted = (item) => item && ["runs", "reports", "events"].every((name) => item.predicate.counts[name] === counts[name])
    && item.predicate.counts.held + item.predicate.counts.erased + item.predicate.counts.withheld === counts.held + counts.erased + counts.withheld;
  const fits = (item) => (item.predicate.index === ourIndex || item.predicate.index === theirIndex ? 2 : 0) + (counted(item) && item.at.size === tree.size && item.at.root === root ? 1 : 0);
  const told = claimed.sort((one, two) => fits(two) - fits(one))[0] ?? null;
  if (found.length && blamed && told && told.predicate.index === ourIndex && ourIndex !== theirIndex) found[0] = blamed;
  if (statement) {
    if (!told || payload === null) found.push({ line: statement.number, message: "it is not the statement of an audit record" });
    else if (payload !== told.text) found.push({ line: statement.number, message: sealed.trusted ? "it is not the statement that was signed" : "the signature is of another one" });
    else if (told.predicate.index !== ourIndex || told.at.size !== tree.size || told.at.root !== root || !(await subject(told))) found.push({ line: statement.number, message: "the lines agree with each other, but not with the checkpoint of the statement" });
    else if (part || !counted(told)) found.push({ line: statement.number, message: "its counts are not those of the record" });
    else if (![true, false].some((flag) => decoded(lines[0]) === own("record", { format: "runback.audit/v1", origin: told.at.origin, signed: flag }))) found.push({ line: 1, message: "it is not the first line of this record" });
  }
  const announced = (decoded(lines[0]) ?? "").endsWith(',"signed":true}\n');
  if (signature === null) { if (announced) found.push({ line: lines.length, message: "the signature is gone" }); }
  else if (sealed.fault) found.push({ line: signature.number, message: sealed.fault });
  else if (sealed.payload !== payload) found.push({ line: signature.number, message: "it is of another statement" });
  else if (!announced) found.push({ line: signature.number, message: "the record was made without one" });
  if (earlier && told && told.at.origin !== earlier.origin) throw new Error(`the checkpoint is of ${earlier.origin}, the record of ${told.at.origin}`);
  if (earlier && then !== earlier.root) {
    const message = tree.size < earlier.size ? `the checkpoint stands for ${earlier.size} lines, the record has ${tree.size}` : `the first ${earlier.size} lines are not those of the checkpoint`;
    found.push({ line: statement ? statement.number : lines.length, message });
  }
  const worst = found.sort((one, other) => one.line - other.line)[0];
  const result = { lines: lines.length, counts, told, root, size: tree.size, signed: signature !== null };
  if (worst) return { ...result, status: "invalid", ...worst };
  if (signature === null) return { ...result, status: "unverified", message: "it is not signed" };
  if (!sealed.trusted) return { ...result, status: "unverified", message: "no key was given, so the signature was not checked" };
  return { ...result, status: "valid", message: "" };
};

// The statement of a payload, in exactly the form that is signed; null where it has another.
const stated = (text) => {
  const value = text === null || text === undefined ? undefined : read(text), predicate = value?.predicate;
  if (!predicate || value.predicateType !== PREDICATE || value._type !== "https://in-toto.io/Statement/v1" || Object.keys(value).length !== 4) return null;
  const names = ["checkpoint", "counts", "created", "index", "tool"], of = predicate.counts;
  const whole = Object.keys(predicate).sort().join() === names.join() && of && Object.keys(of).sort().join() === "erased,events,held,reports,runs,withheld"
    && Object.values(of).every(Number.isSafeInteger) && ["checkpoint", "created", "index", "tool"].every((name) => typeof predicate[name] === "string");
  const at = whole ? /^([^\n]+)\n(0|[1-9][0-9]*)\n([A-Za-z0-9+/]{43}=)\n$/.exec(predicate.checkpoint) : null;
  if (!at || value.subject?.length !== 1 || Object.keys(value.subject[0]).sort().join() !== "digest,name" || value.subject[0].name !== "checkpoint" || Object.keys(value.subject[0].digest).join() !== "sha256") return null;
  return { text, predicate, subject: value.subject[0].digest.sha256, at: { origin: at[1], size: Number(at[2]), root: at[3] } };
};
const subject = async (told) => hex(await sha(bytesOf(told.predicate.checkpoint))) === told.subject;

// The signature: a Sigstore bundle v0.3 with one DSSE signature of a key.
const signed = async (signature, key) => {
  if (signature === null) return { trusted: false, payload: null, fault: "" };
  const bundle = read(signature.text.slice(0, -1))?.bundle, envelope = bundle?.dsseEnvelope;
  let payload, data;
  try {
    if (!envelope.signatures.every((item) => item.keyid === "") || signature.text !== own("signature", { bundle })) throw new Error("form");
    data = base64(envelope.payload);
    if (encoded(data) !== envelope.payload) throw new Error("form");
    payload = decoded(data);
  } catch { return { trusted: false, payload: null, fault: "it is not a signature as records hold them" }; }
  if (!key) return { trusted: false, payload, fault: "" };
  const names = (value, wanted) => value && typeof value === "object" && Object.keys(value).sort().join() === wanted;
  const material = bundle.verificationMaterial;
  const form = names(bundle, "dsseEnvelope,mediaType,verificationMaterial") && bundle.mediaType === "application/vnd.dev.sigstore.bundle.v0.3+json"
    && names(envelope, "payload,payloadType,signatures") && envelope.payloadType === IN_TOTO && envelope.signatures.length === 1 && names(envelope.signatures[0], "keyid,sig")
    && names(material, "publicKey,tlogEntries") && Array.isArray(material.tlogEntries) && !material.tlogEntries.length && names(material.publicKey, "hint");
  if (!form) return { trusted: false, payload, fault: "it is not a signature of a key" };
  if (material.publicKey.hint !== encoded(await sha(key.der))) return { trusted: false, payload, fault: "the bundle names another key" };
  const head = bytesOf(`DSSEv1 ${IN_TOTO.length} ${IN_TOTO} ${data.length} `);
  let holds = false;
  try {
    const given = base64(envelope.signatures[0].sig);
    if (encoded(given) !== envelope.signatures[0].sig) throw new Error("form");
    const raw = key.name === "Ed25519" ? given : plainSignature(given);
    holds = await crypto.subtle.verify(key.name === "Ed25519" ? "Ed25519" : { name: "ECDSA", hash: "SHA-256" }, key.key, raw, joined(head, data));
  } catch { holds = false; }
  return { trusted: holds, payload, fault: holds ? "" : "the signature does not hold" };
};
// An ECDSA signature in DER as WebCrypto wants it: r and s, 32 bytes each.
const plainSignature = (der) => {
  const parts = [];
  if (der[0] !== 48 || der[1] !== der.length - 2 || der.length > 72) throw new Error("form");
  let at = 2;
  while (at < der.length) {
    const length = der[at + 1], number = der.subarray(at + 2, at + 2 + length);
    if (der[at] !== 2 || !length || number.length !== length || number[0] > 127 || (length > 1 && number[0] === 0 && number[1] < 128)) throw new Error("form");
    const bare = number[0] === 0 ? number.subarray(1) : number;
    if (bare.length > 32) throw new Error("form");
    parts.push(joined(new Uint8Array(32 - bare.length), bare));
    at += 2 + length;
  }
  if (parts.length !== 2) throw new Error("form");
  return joined(...parts);
};

// A public key in PEM, P-256 or Ed25519.
export const readKey = async (text) => {
  const found = /^-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END PUBLIC KEY-----\s*$/.exec(text.trim());
  if (!found) throw new Error("not a public key in PEM");
  const der = base64(found[1].replace(/\s/g, ""));
  for (const [name, algorithm] of [["P-256", { name: "ECDSA", namedCurve: "P-256" }], ["Ed25519", "Ed25519"]]) {
    try {
      return { name, der, key: await crypto.subtle.importKey("spki", der, algorithm, false, ["verify"]) };
    } catch { /* the other kind, perhaps */ }
  }
  throw new Error("a P-256 or an Ed25519 key was expected, or this browser does not know its kind");
};

// A checkpoint that was kept, alone or in a signed note; whoever kept it knows whose it is.
export const readCheckpoint = (given) => {
  const text = `${given.replace(/\r\n/g, "\n").trim()}\n`, note = /^((?:[^\n]+\n){3})\n(?:\u2014 [^ \n]+ [A-Za-z0-9+/]+={0,2}\n)+$/.exec(text);
  const found = /^([!-~](?:[ -~]{0,198}[!-~])?)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n$/.exec(note ? note[1] : text);
  if (!found || !Number.isSafeInteger(Number(found[2])) || encoded(base64(found[3])) !== found[3]) throw new Error("not a checkpoint: three lines were expected, origin, size and root");
  return { origin: found[1], size: Number(found[2]), root: found[3] };
};
