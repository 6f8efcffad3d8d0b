// What the page says: its state, what is wrong, and numbers.

export const $ = (id) => document.getElementById(id);

export function show(text, kind = "") {
  $("status").textContent = text;
  $("status").className = kind;
}

// A notice is there until what it is about has changed: "visit", "choice" or "network".
export function notice(about, text) {
  if ($("notice").textContent !== text) $("notice").textContent = text; // else it would be read out again
  $("notice").dataset.about = about;
  $("notice").hidden = false;
}

export function settle(about) {
  if ($("notice").dataset.about === about) $("notice").hidden = true;
}

export function number(id, value, digits = 0) {
  $(id).textContent = value === null || Number.isNaN(value) ? "–" : value.toFixed(digits);
}
