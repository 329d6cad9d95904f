"use strict";
// A click on a column's title, or the Enter or space key, sorts by it; once more, the other way round.
for (const button of document.querySelectorAll("table.sortable th[scope=col] button")) {
  const header = button.parentElement;
  header.setAttribute("aria-sort", "none");
  button.addEventListener("click", () => {
    const table = header.closest("table");
    const body = table.tBodies[0];
    const ascending = header.getAttribute("aria-sort") !== "ascending";
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const numeric = header.classList.contains("number");
    const key = (row) => {
      const cell = row.cells[header.cellIndex];
      return numeric ? parseFloat(cell.dataset.value ?? "NaN") : cell.textContent;
    };
    const compare = (a, b) => {
      if (!numeric) return a.localeCompare(b, "en", { numeric: true });
      if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
      return a - b;
    };
    // What is missing stays at the end, whichever way the rest is sorted.
    const missing = (value) => (numeric ? Number.isNaN(value) : false);
    const rows = Array.from(body.rows, (row) => [key(row), row]);
    rows.sort(([a], [b]) => compare(a, b) * (ascending || missing(a) || missing(b) ? 1 : -1));
    body.append(...rows.map(([, row]) => row));
  });
}
// On paper everything is open.
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details")) one.open = true;
});
