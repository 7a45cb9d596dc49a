// Sorts and filters the table of students. Without this script they are all there, by name.
"use strict";
{
  const table = document.querySelector("#students ~ .scroll table");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];

  // Points, or -1 where a cell has words or a dash in their place.
  const points = (row, column) => {
    const number = Number.parseFloat(row.cells[column].textContent);
    return Number.isNaN(number) ? -1 : number;
  };
  const words = (row, column) => row.cells[column].textContent;
  const byWords = new Intl.Collator(undefined, { numeric: true }).compare;

  const sort = (column, isDescending) => {
    const isNumber = heads[column].classList.contains("number");
    const compare = isNumber
      ? (a, b) => points(a, column) - points(b, column)
      : (a, b) => byWords(words(a, column), words(b, column));
    const sign = isDescending ? -1 : 1;
    body.append(...[...body.rows].sort((a, b) => sign * compare(a, b)));
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", isDescending ? "descending" : "ascending");
  };

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(column, head.getAttribute("aria-sort") === "ascending"));
    head.append(button);
  });
  heads[0].setAttribute("aria-sort", "ascending");

  const label = document.createElement("label");
  const input = document.createElement("input");
  const count = document.createElement("output");
  input.type = "search";
  label.append("Find by name or status ", input);
  const find = () => {
    const wanted = input.value.trim().toLowerCase();
    let found = 0;
    for (const row of body.rows) {
      const text = `${words(row, 0)} ${words(row, 1)}`.toLowerCase();
      row.hidden = !text.includes(wanted);
      found += row.hidden ? 0 : 1;
    }
    count.textContent = `${found} of ${body.rows.length}`;
  };
  input.addEventListener("input", find);
  find();
  const line = document.createElement("p");
  line.className = "find";
  line.append(label, " ", count);
  table.parentElement.before(line);
}
