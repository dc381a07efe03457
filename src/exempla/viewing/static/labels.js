// Keys of labelling: each does what a button or a link with that data-key does. Without this script the forms work as well.
"use strict";

(() => {
  const opened = performance.now();
  const TOO_SOON = 200; // milliseconds: the second of two quick presses was meant for the page before
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (typing(event.target)) {
      // Ctrl+Enter is left to the browser; Escape leaves the note, as the viewer's own keys do.
      return;
    }
    const key = `[data-key="${CSS.escape(event.key)}"]`;
    // An answer's own page has a form for each reading: the keys are those of the one that its address ends in.
    const place = document.querySelector(document.querySelector("section.read") ? `section.read:target ${key}` : key);
    if (!place) return;
    event.preventDefault();
    const folded = place.closest("details");
    if (folded) folded.open = true;
    // The note at once: what is typed next must not be taken for labels.
    if (place.matches("textarea, input")) place.focus();
    else if (!event.repeat && performance.now() - opened >= TOO_SOON) place.click();
  });

  // One press, one label: a form that is under way is not sent again.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) event.preventDefault();
    else event.target.dataset.sent = "yes";
  });

  // A page that the browser brings back from its memory can be sent again.
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });
})();
