// The table of videos: filter and sort.
(() => {
  const table = document.getElementById("videos");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const filter = document.getElementById("filter");
  const state = document.getElementById("state");
  const sort = document.getElementById("sort");
  const counts = [...document.querySelectorAll(".count-shown")];
  const empty = document.getElementById("empty");
  const heads = [...table.tHead.querySelectorAll("[data-sort]")];
  const NUMBERS = new Set(["verdict", "steps", "duration", "requests", "tokens", "cost", "worked"]);
  const names = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const SEARCHED = ".goal:not(.missing), .state .badge, .state .reason:not(.todo)";
  let texts = new Map();

  // What a row says in the language that is shown; gathered when it is first looked for.
  function searchable(row) {
    if (!texts.has(row)) {
      const parts = [...row.querySelectorAll(SEARCHED)].map(shownText);
      texts.set(row, [row.dataset.name, ...parts].join("\n").toLowerCase());
    }
    return texts.get(row);
  }

  function shownText(element) {
    const copy = element.cloneNode(true);
    for (const word of copy.querySelectorAll(".w")) {
      if (word.lang !== document.documentElement.lang) word.remove();
    }
    return copy.textContent;
  }

  function applyFilter() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const fits = (!state.value || row.dataset.state === state.value)
        && words.every((word) => searchable(row).includes(word));
      row.hidden = !fits;
      count += fits ? 1 : 0;
    }
    for (const element of counts) element.textContent = count;
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
  document.addEventListener("languageshown", () => {
    texts = new Map();
    applyFilter();
  });
  sort.addEventListener("change", () => sortBy(sort.value, "ascending"));
  document.getElementById("tools").addEventListener("submit", (event) => event.preventDefault());
  applyFilter();
})();
