// How far a replay is. It asks this server alone, and loads the page anew when the work is over.
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
