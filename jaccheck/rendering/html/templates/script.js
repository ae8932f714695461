// What a reader can do without it: everything but filtering tables and copying at a click.
document.documentElement.classList.add("js");

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    let copied = true;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // Some browsers keep the clipboard from files opened from disk; the old way works there.
      getSelection().selectAllChildren(code);
      copied = document.execCommand("copy");
    }
    button.textContent = copied ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

for (const tools of document.querySelectorAll("[data-filters]")) {
  const table = document.getElementById(tools.dataset.filters);
  const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const words = tools.querySelector("input[type=search]");
  const marked = tools.querySelector("input[type=checkbox]");
  const said = tools.querySelector("output");
  const counted = rows.filter((row) => !row.classList.contains("group")).length;
  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/);
    let shown = 0;
    let group = null;
    rows.forEach((row, index) => {
      if (row.classList.contains("group")) {
        group = row;
        row.hidden = true;
        return;
      }
      const fits = wanted.every((word) => texts[index].includes(word)) && !(marked?.checked && !row.dataset.marked);
      row.hidden = !fits;
      shown += fits;
      if (fits && group) group.hidden = false;
    });
    said.textContent = shown === counted ? `${counted} rows` : `${shown} of ${counted} rows`;
  };
  words.addEventListener("input", filter);
  marked?.addEventListener("change", filter);
  filter();
}
