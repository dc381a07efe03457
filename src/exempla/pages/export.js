// Copies tables as CSV and LaTeX, and saves charts as SVG and PNG. A page is whole without it: the buttons are made here.
"use strict";
(() => {
  const status = document.createElement("p");
  status.className = "unseen";
  status.setAttribute("role", "status");
  document.body.append(status);

  const tidy = (text) => text.replace(/\u00ad/g, "").replace(/[ \t\r\n]+/g, " ").trim();

  function button(label, about, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = label;
    made.setAttribute("aria-label", `${label}: ${about}`);
    made.addEventListener("click", async () => {
      let said;
      try {
        said = await act();
      } catch (error) {
        said = `Failed: ${error.message}`;
      }
      made.textContent = said;
      status.textContent = said;
      setTimeout(() => { made.textContent = label; }, 2000);
    });
    return made;
  }

  function bar(...buttons) {
    const made = document.createElement("div");
    made.className = "export";
    made.append(...buttons);
    return made;
  }

  function download(name, url) {
    const link = document.createElement("a");
    link.download = name;
    link.href = url;
    link.click();
    return "Saved";
  }

  function downloadText(name, type, text) {
    const url = URL.createObjectURL(new Blob([text], { type }));
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    return download(name, url);
  }

  // A page opened from a disk may not be given the clipboard; then the old way, and last a file.
  async function copy(text, name, type) {
    try {
      await navigator.clipboard.writeText(text);
      return "Copied";
    } catch {
      const before = document.activeElement;
      const area = document.createElement("textarea");
      area.className = "unseen";
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      if (before) before.focus({ preventScroll: true });
      return done ? "Copied" : downloadText(name, type, text);
    }
  }

  // Tables. A cell's `data-value` is its figure in full precision, `data-low` and `data-high` its interval.
  function quoted(text) {
    // A spreadsheet would take a text that begins so for a formula.
    const safe = /^[=+@\t]|^-(?![\d.])/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  }

  const rowsOf = (table) => [...table.tBodies].flatMap((body) => [...body.rows]).map((row) => [...row.cells]);

  function csv(table) {
    const heads = [...table.tHead.rows[0].cells].map((cell) => tidy(cell.textContent));
    const rows = rowsOf(table);
    const ranged = heads.map((_, place) => rows.some((row) => row[place] && "low" in row[place].dataset));
    const lines = [heads.flatMap((head, place) => (ranged[place] ? [head, `${head}, low`, `${head}, high`] : [head]))];
    for (const row of rows) {
      lines.push(row.flatMap((cell, place) => {
        const { value, low = "", high = "" } = cell.dataset;
        const shown = value ?? tidy(cell.textContent);
        const known = shown === "–" ? "" : shown;
        return ranged[place] ? [known, low, high] : [known];
      }));
    }
    return lines.map((line) => line.map(quoted).join(",") + "\r\n").join("");
  }

  const LATEX = {
    "\\": "\\textbackslash{}", "&": "\\&", "%": "\\%", "_": "\\_", "#": "\\#", "$": "\\$", "{": "\\{", "}": "\\}",
    "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "\\textless{}", ">": "\\textgreater{}",
    "|": "\\textbar{}", "−": "$-$", "×": "$\\times$", "–": "--", "…": "\\dots{}", "\u202f": "\\,", "\u00a0": "~",
  };
  const escaped = (text) => text.replace(/[\\&%_#${}~^<>|−×–…\u202f\u00a0]/g, (sign) => LATEX[sign]);

  // What is small in a cell (an interval, a denominator) stands in brackets after the rest.
  function shown(cell) {
    const copied = cell.cloneNode(true);
    for (const small of copied.querySelectorAll("small, .tag")) small.textContent = ` (${tidy(small.textContent)})`;
    for (const line of copied.querySelectorAll("br")) line.replaceWith(" ");
    return escaped(tidy(copied.textContent));
  }

  function latex(table) {
    const heads = [...table.tHead.rows[0].cells];
    const columns = heads.map((cell) => (getComputedStyle(cell).textAlign === "right" ? "r" : "l")).join("");
    const line = (cells) => `${cells.map(shown).join(" & ")} \\\\`;
    const caption = table.caption ? [`% ${tidy(table.caption.textContent)}`] : [];
    return [
      ...caption, "% \\usepackage{booktabs}", `\\begin{tabular}{${columns}}`, "\\toprule", line(heads), "\\midrule",
      ...rowsOf(table).map(line), "\\bottomrule", "\\end{tabular}", "",
    ].join("\n");
  }

  // Charts. Their colours are variables of the style sheet; a file on its own has those of the light theme.
  function lightColours() {
    for (const rule of document.styleSheets[0].cssRules) if (rule.selectorText === ":root") return rule.style;
    return document.documentElement.style;
  }

  function standalone(drawing) {
    const copied = drawing.cloneNode(true);
    const label = copied.getAttribute("aria-label");
    if (label) {
      const title = document.createElementNS(copied.namespaceURI, "title");
      title.textContent = label;
      copied.prepend(title);
    }
    const colours = lightColours();
    return new XMLSerializer().serializeToString(copied)
      .replace(/var\((--[\w-]+)\)/g, (_, name) => colours.getPropertyValue(name).trim() || "black");
  }

  const encoded = (text) => `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;

  async function savePng(drawing, name) {
    const { width, height } = drawing.viewBox.baseVal;
    const picture = new Image(width, height);
    picture.src = encoded(standalone(drawing));
    await picture.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [3 * width, 3 * height];
    const pen = canvas.getContext("2d");
    pen.fillStyle = "white";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return download(`${name}.png`, canvas.toDataURL("image/png"));
  }

  const nameOf = (thing, about) => (thing.dataset.name || about).toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60);

  for (const table of document.querySelectorAll("table")) {
    if (!table.tHead || !table.tBodies.length) continue;
    const about = tidy(table.caption ? table.caption.textContent : "table").slice(0, 80);
    const name = nameOf(table, about);
    const place = table.closest(".scroll") || table;
    place.after(bar(
      button("Copy as CSV", about, () => copy(csv(table), `${name}.csv`, "text/csv")),
      button("Copy as LaTeX", about, () => copy(latex(table), `${name}.tex`, "text/x-tex")),
    ));
  }
  for (const figure of document.querySelectorAll("figure")) {
    const drawing = figure.querySelector("svg");
    if (!drawing) continue;
    const about = tidy(figure.querySelector("figcaption")?.textContent || "chart").slice(0, 80);
    const name = nameOf(figure, about);
    figure.append(bar(
      button("Save as SVG", about, () => downloadText(`${name}.svg`, "image/svg+xml", standalone(drawing))),
      button("Save as PNG", about, () => savePng(drawing, name)),
    ));
  }
})();
