// What the viewer's pages do beyond links and forms: keys, more rows while scrolling, and news of the folder.
"use strict";

(() => {
  const EVERY = 5000; // milliseconds between two questions whether the folder has changed
  const SOON = 1000; // and while the records are still being read
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

  // Keys: j and k (or the arrows) go from record to record, / searches, Escape goes back to the list.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const steps = { j: "next", ArrowRight: "next", k: "prev", ArrowLeft: "prev", Escape: "up" };
    const link = steps[event.key] && document.querySelector(`a[rel="${steps[event.key]}"]`);
    if (link) {
      event.preventDefault();
      link.click();
    } else if (event.key === "/" && document.getElementById("q")) {
      event.preventDefault();
      document.getElementById("q").select();
    } else if (event.key === "j" || event.key === "k") {
      const rows = [...document.querySelectorAll("#rows h2 a")];
      const at = rows.indexOf(document.activeElement);
      const row = rows[at < 0 ? 0 : at + (event.key === "j" ? 1 : -1)];
      if (row) row.focus();
    }
  });

  // Filters are closed on a narrow page, where they would stand before the list.
  const filters = document.querySelector("details.filters");
  if (filters && matchMedia("(max-width: 48rem)").matches) filters.open = false;

  // More rows, when the end of the list comes near.
  const rows = document.getElementById("rows");
  const near = new IntersectionObserver((seen) => {
    for (const one of seen) if (one.isIntersecting) load(one.target);
  }, { rootMargin: "1200px" });

  async function load(link) {
    near.unobserve(link);
    try {
      const reply = await fetch(link.dataset.rows);
      if (!reply.ok) return; // the link itself still leads on
      const fragment = new DOMParser().parseFromString(await reply.text(), "text/html");
      const next = fragment.querySelector(".more a");
      rows.append(...fragment.querySelectorAll("li.row"));
      link.parentElement.replaceChildren(...(next ? [next] : []));
      if (next) requestAnimationFrame(() => near.observe(next));
    } catch {
      // The server has ended; the link stays.
    }
  }

  const last = () => document.querySelector(".more a");

  // Coming back to the list leads to the row that was left, also where the browser has not kept the page.
  async function resume() {
    const left = JSON.parse(sessionStorage.getItem("left") || "null");
    const [visit] = performance.getEntriesByType("navigation");
    if (left && left.at === location.href && left.rows > rows.children.length && visit && visit.type === "back_forward") {
      history.scrollRestoration = "manual";
      for (let link = last(); link && rows.children.length < left.rows; ) {
        await load(link);
        if (last() === link) break; // nothing came
        link = last();
      }
      scrollTo(0, left.y);
    }
    if (last()) near.observe(last());
  }

  if (rows) {
    rows.addEventListener("click", () => {
      const left = { at: location.href, rows: rows.children.length, y: scrollY };
      sessionStorage.setItem("left", JSON.stringify(left));
    });
    resume();
  }

  // News of a folder that is still being written. Nothing on the page moves; a link is offered.
  const place = document.getElementById("state");
  const shown = Number(document.body.dataset.records);
  const unread = document.getElementById("unread");
  let asking;

  async function ask() {
    if (document.visibilityState !== "visible") return;
    try {
      const reply = await fetch("/state");
      if (!reply.ok) return;
      const state = await reply.json();
      if (unread) advance(state);
      else tell(state.new + state.records - shown, state.rewritten);
    } catch {
      place.textContent = "The viewer has ended.";
    }
  }

  // This page is of a part of the records; it stays so until it is loaded again.
  function advance(state) {
    const share = document.getElementById("share");
    if (state.unread && !state.unread.stopped) {
      if (share) share.textContent = `${Math.round(state.unread.share * 100)}%`;
      return;
    }
    const link = document.createElement("a");
    link.href = state.unread ? "/stories" : location.href.split("#")[0];
    link.textContent = state.unread ? "the list tells why" : "load this page again";
    unread.replaceChildren(state.unread ? "Reading the records has stopped: " : "All records are read now: ", link);
    clearInterval(asking);
  }

  function tell(count, rewritten) {
    if (count <= 0 && !rewritten) {
      place.textContent = "";
      return;
    }
    const link = document.createElement("a");
    const query = new URLSearchParams(location.search);
    query.delete("after");
    link.href = `/stories?${query}`;
    link.textContent = "show";
    const what = rewritten ? "The records have changed" : `${count} new record${count === 1 ? "" : "s"}`;
    place.replaceChildren(`${what}, `, link);
  }

  if (place && document.body.dataset.records !== undefined) {
    asking = setInterval(ask, unread ? SOON : EVERY);
    document.addEventListener("visibilitychange", ask);
  }
})();
