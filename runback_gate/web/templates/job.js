// How far a replay, or the reading of the runs, is. It asks this server alone, and loads the page anew when that is over.
const bar = document.getElementById("progress");
const told = document.getElementById("told");
const look = async () => {
  try {
    const answer = await fetch(`${location.pathname}/state`, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    const { state, done, total, spent } = await answer.json();
    if (state !== "running") return location.reload();
    bar.max = total;
    bar.value = done;
    told.textContent = `${done} of ${total} answers${spent ? ` · ${spent}` : ""}`;
    setTimeout(look, 400);
  } catch {
    told.textContent = "The server has gone. No case was written. Start it again and ask anew: with --cache the answers that came are known.";
  }
};
if (bar) look();

// The runs that are not read yet; whoever fills a form in meanwhile is not disturbed.
const note = document.getElementById("reading");
const read = async () => {
  try {
    const answer = await fetch("/reading", { credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    const { left } = await answer.json();
    const busy = document.activeElement?.closest("form");
    if (!left && !busy) return location.reload();
    note.firstChild.data = left ? `${left} older runs are still being read and not counted here. ` : "All runs are read. ";
    if (left) setTimeout(read, 50);
  } catch {
    note.firstChild.data = "The server has gone. ";
  }
};
if (note) read();
