// The table of videos: filter and sort.
(() => {
  const table = document.getElementById("videos");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const filter = document.getElementById("filter");
  const state = document.getElementById("state");
  const sort = document.getElementById("sort");
  const shown = document.getElementById("shown");
  const empty = document.getElementById("empty");
  const heads = [...table.tHead.querySelectorAll("[data-sort]")];
  const NUMBERS = new Set(["verdict", "steps", "duration", "requests", "tokens", "cost", "worked"]);
  const names = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const texts = new Map(rows.map((row) => [row, searchable(row)]));

  function searchable(row) {
    const goal = row.querySelector(".goal");
    const reason = row.querySelector(".reason");
    return [row.dataset.name, goal, reason].map((part) => (part && part.textContent) || part || "")
      .join("\n").toLowerCase();
  }

  function applyFilter() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const fits = (!state.value || row.dataset.state === state.value)
        && words.every((word) => texts.get(row).includes(word));
      row.hidden = !fits;
      count += fits ? 1 : 0;
    }
    shown.textContent = count;
    empty.hidden = count > 0;
  }

  function compare(key, one, other) {
    const [a, b] = [one.dataset[key], other.dataset[key]];
    if (!NUMBERS.has(key)) return names.compare(a, b);
    return Number(a) - Number(b);
  }

  function sortBy(key, direction) {
    const sign = direction === "descending" ? -1 : 1;
    const known = rows.filter((row) => row.dataset[key] !== "");
    const unknown = rows.filter((row) => row.dataset[key] === "");  // last, whichever way
    known.sort((one, other) => sign * compare(key, one, other) || names.compare(one.dataset.name, other.dataset.name));
    body.append(...known, ...unknown);
    sort.value = key;
    for (const head of heads) {
      const cell = head.closest("th");
      if (head.dataset.sort === key) cell.setAttribute("aria-sort", direction);
      else cell.removeAttribute("aria-sort");
    }
  }

  for (const head of heads) {
    head.addEventListener("click", () => {
      const now = head.closest("th").getAttribute("aria-sort");
      sortBy(head.dataset.sort, now === "ascending" ? "descending" : "ascending");
    });
  }
  filter.addEventListener("input", applyFilter);
  state.addEventListener("change", applyFilter);
  sort.addEventListener("change", () => sortBy(sort.value, "ascending"));
  document.getElementById("tools").addEventListener("submit", (event) => event.preventDefault());
  applyFilter();
})();
