// How far a replay is. It asks this server alone, and loads the page anew when the work is over.
const bar = document.getElementById("progress");
const told = document.getElementById("told");
const look = async () => {
  try {
    const answer = await fetch(`${location.pathname}/state`, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    const { state, done, total } = await answer.json();
    if (state !== "running") return location.reload();
    bar.max = total;
    bar.value = done;
    told.textContent = `${done} of ${total} answers`;
    setTimeout(look, 400);
  } catch {
    told.textContent = "The server has gone. Nothing was written; start it again and ask anew.";
  }
};
if (bar) look();
