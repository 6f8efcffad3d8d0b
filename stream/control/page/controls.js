// Buttons, sliders and choices, made of the table of what can be done (`GET /schema`).

import { $ } from "./shown.js";

const SLIDE_EVERY_MS = 100;
const HELD_MS = 700; // what a person has just changed does not jump back to what the run had before
const SURE_MS = 4000; // for the second press of what cannot be undone
const COLOUR = /^#[0-9a-f]{6}$/i;

let ask = () => false; // whether it could be asked
const drawn = {}; // by name: how a control shows its value

export function drawControls(actions, set) {
  ask = set;
  const fields = new Map();
  for (const action of actions) {
    if (action.kind === "place") continue; // the picture itself
    if (!fields.has(action.group)) fields.set(action.group, group(action.group));
    const field = fields.get(action.group);
    if (action.kind === "choice") drawChoice(action, field);
    else if (action.kind === "range") drawRange(action, field);
    else drawButton(action, field.querySelector(".switches"));
  }
  for (const field of fields.values()) {
    const switches = field.querySelector(".switches");
    if (switches.children.length) field.append(switches);
    else switches.remove();
  }
  $("controls").replaceChildren(...fields.values(), $("numbers-field").content.cloneNode(true));
}

export function showState({ values, choices, unavailable }) {
  for (const [name, control] of Object.entries(drawn)) {
    // none of the backgrounds is chosen while another effect is, so that each can be
    const value = name === "background" && values.effect !== "replace" ? null : values[name];
    control.show(value, choices[name], unavailable[name]);
  }
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function group(title) {
  const field = element("fieldset", {}, element("legend", { textContent: title }));
  field.append(element("div", { className: "switches field" }));
  return field;
}

// === Choices ===

function drawChoice(action, field) {
  const id = `c-${action.name}`;
  const choices = element("div", { className: "choices", id });
  choices.setAttribute("role", "radiogroup");
  choices.setAttribute("aria-label", action.title);
  const title = action.title === field.querySelector("legend").textContent ? [] : [element("h2", { textContent: action.title })];
  const part = element("div", { className: "field" }, ...title, choices);
  if (action.name === "background") part.append($("drop-field").content.cloneNode(true));
  field.append(part);
  let offered = "", chosenAt = -Infinity;
  choices.addEventListener("change", (event) => {
    chosenAt = performance.now();
    ask(action.name, event.target.value);
  });
  drawn[action.name] = {
    show(value, names) {
      if (JSON.stringify(names) !== offered) {
        const hadFocus = choices.contains(document.activeElement);
        offered = JSON.stringify(names);
        choices.replaceChildren(...names.map((name) => radio(action.name, name)));
        if (hadFocus) choices.querySelector(`[value="${CSS.escape(value ?? "")}"]`)?.focus();
      }
      if (performance.now() - chosenAt < HELD_MS) return;
      for (const input of choices.querySelectorAll("input")) input.checked = input.value === value;
    },
  };
}

function radio(group, name) {
  const label = element("label", { className: "choice" }, element("input", { type: "radio", name: group, value: name }));
  if (COLOUR.test(name)) {
    const colour = element("i");
    colour.setAttribute("aria-hidden", "true");
    colour.style.backgroundColor = name;
    label.append(colour);
  }
  label.append(name.charAt(0).toUpperCase() + name.slice(1));
  return label;
}

// === Numbers ===

function drawRange(action, field) {
  const id = `c-${action.name}`;
  const input = element("input", { type: "range", id, min: action.low, max: action.high, step: action.step });
  const output = element("output");
  output.htmlFor = id;
  const label = element("label", { textContent: action.title, htmlFor: id });
  const part = element("div", { className: "field" }, element("h2", {}, label, output), input);
  field.append(part);
  let movedAt = -Infinity, timer = null;
  const show = (value) => { output.textContent = `${Math.round(value * 100)} %`; };
  const send = () => {
    clearTimeout(timer);
    const waitMs = movedAt + SLIDE_EVERY_MS - performance.now();
    if (waitMs > 0) {
      timer = setTimeout(send, waitMs);
      return;
    }
    movedAt = performance.now();
    ask(action.name, Number(input.value));
  };
  input.addEventListener("input", () => {
    show(input.value);
    send();
  });
  drawn[action.name] = {
    show(value, _, reason) {
      part.hidden = Boolean(reason);
      if (performance.now() - movedAt < HELD_MS) return;
      input.value = value;
      show(value);
    },
  };
}

// === Buttons ===

function drawButton(action, field) {
  const button = element("button", { type: "button", textContent: action.title, title: action.help });
  button.dataset.name = action.name;
  const isSwitch = action.kind === "switch";
  if (isSwitch) button.setAttribute("aria-pressed", "false");
  let pressedAt = -Infinity;
  const press = () => {
    const value = !isSwitch || button.getAttribute("aria-pressed") !== "true";
    if (!ask(action.name, value)) return;
    if (isSwitch) button.setAttribute("aria-pressed", String(value));
    pressedAt = performance.now();
  };
  button.addEventListener("click", action.name === "quit" ? () => surely(button, press) : press);
  field.append(button);
  drawn[action.name] = {
    show(value, _, reason) {
      if (isSwitch && performance.now() - pressedAt > HELD_MS) button.setAttribute("aria-pressed", String(value));
      button.disabled = Boolean(reason);
      button.title = reason ?? action.help;
    },
  };
}

function surely(button, press) {
  if (button.dataset.asked) {
    press();
    return;
  }
  const title = button.textContent;
  button.dataset.asked = "yes";
  button.textContent = "Press again to end";
  setTimeout(() => {
    delete button.dataset.asked;
    button.textContent = title;
  }, SURE_MS);
}
