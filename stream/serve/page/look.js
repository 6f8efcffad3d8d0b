// What is asked for: effect, strength, background, network.

import { ask } from "./ask.js";
import { choose, COLOURS, UPLOADED, wishes } from "./choices.js";
import { asJpeg, forgetPhoto, keepPhoto, keptPhoto } from "./photo.js";
import { $, notice, settle } from "./shown.js";

const EFFECTS = {
  blur: "Blur", replace: "Replace", grey: "Grey", overlay: "Overlay", mask: "Mask", none: "None",
};
const EFFECT_EVERY_MS = 100; // a slider changes with every frame of the display; the server takes 15 messages a second
const PHOTO_AGAIN_MS = 5000;
const NO_PHOTO = "Choose a photo, or drop one here";

// Who is asked: the channel and the id of the visit, both null where there is none.
export const visit = { channel: null, id: null };
let photo = keptPhoto(); // with `sentTo`, the visit that has it
let effectAt = -Infinity, effectTimer = null;

export const hasPhoto = () => photo !== null;

export function tell(message) {
  if (visit.channel?.readyState === "open") visit.channel.send(JSON.stringify(message));
}

export function drawControls(settings) {
  for (const name of settings.effects) {
    $("effects").append(choice("choice", "effect", name, EFFECTS[name] ?? name, name === wishes.effect));
  }
  for (const [colour, name] of Object.entries(COLOURS)) {
    const swatch = choice("swatch", "background", colour, "", colour === wishes.background);
    swatch.style.backgroundColor = colour;
    swatch.firstChild.setAttribute("aria-label", name);
    $("backgrounds").append(swatch);
  }
  for (const name of settings.models) $("model").append(new Option(name, name));
  $("model").value = wishes.model;
  $("model").disabled = settings.models.length < 2;
  $("strength").value = wishes.strength;
  if (photo) showPhoto(wishes.background === UPLOADED);
}

function choice(kind, group, value, text, checked) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "radio", name: group, value, checked });
  label.className = kind;
  label.append(input, text);
  return label;
}

// === Effects ===

function effectText() {
  if (wishes.effect === "blur") return `blur=${wishes.strength / 100}`;
  if (wishes.effect === "replace") return `replace=${wishes.background}`;
  return wishes.effect;
}

export function applyEffect() {
  $("strength-field").hidden = wishes.effect !== "blur";
  $("background-field").hidden = wishes.effect !== "replace";
  $("strength-value").textContent = `${wishes.strength} %`;
  sendEffect();
}

// What is chosen while it waits is sent in its place, so that the last choice always arrives.
function sendEffect() {
  clearTimeout(effectTimer);
  const waitMs = effectAt + EFFECT_EVERY_MS - performance.now();
  if (waitMs > 0) {
    effectTimer = setTimeout(sendEffect, waitMs);
    return;
  }
  if (wishes.effect === "replace" && wishes.background === UPLOADED && !isSent()) return;
  effectAt = performance.now();
  tell({ effect: effectText() });
}

// All that was chosen, to a server that has just been reached.
export function askForAll() {
  if (wishes.model) tell({ model: wishes.model });
  applyEffect();
}

// === Photos ===

const isSent = () => visit.id !== null && photo?.sentTo === visit.id;

async function takePhoto(file) {
  settle("choice");
  $("photo-name").textContent = file.name;
  photo = { blob: await asJpeg(file), name: file.name };
  await sendPhoto();
}

export async function sendPhoto() {
  const now = photo, id = visit.id;
  if (!now || !id) return;
  let refusal = null;
  try {
    await ask(`visits/${id}/background`, { method: "PUT", body: now.blob, signal: undefined });
  } catch (error) {
    refusal = error;
  }
  if (now !== photo || id !== visit.id) return; // whatever came of it, it is over
  if (refusal) return refusePhoto(refusal);
  const isNew = !now.sentTo && !now.isShown;
  now.sentTo = id;
  if (isNew) {
    choose({ background: UPLOADED });
    showPhoto(true);
    keepPhoto(now.blob, now.name);
  }
  applyEffect();
}

function refusePhoto(refusal) {
  notice("choice", refusal.message);
  if (refusal.again) {
    setTimeout(sendPhoto, PHOTO_AGAIN_MS);
    return;
  }
  photo = null;
  forgetPhoto();
  $("photo-name").textContent = NO_PHOTO;
  if (wishes.background !== UPLOADED) return;
  choose({ background: Object.keys(COLOURS)[0] });
  $("backgrounds").querySelector(`[value="${wishes.background}"]`).checked = true;
  $("backgrounds").querySelector(`[value=${UPLOADED}]`)?.parentElement.remove();
  applyEffect();
}

function showPhoto(checked) {
  photo.isShown = true;
  $("photo-name").textContent = photo.name;
  $("backgrounds").querySelector(`[value=${UPLOADED}]`)?.parentElement.remove();
  const swatch = choice("swatch", "background", UPLOADED, "", checked);
  swatch.style.backgroundImage = `url(${URL.createObjectURL(photo.blob)})`;
  swatch.firstChild.setAttribute("aria-label", "your photo");
  $("backgrounds").append(swatch);
}

// === What a person does ===

export function listenToLook() {
  const change = (changes) => {
    choose(changes);
    settle("choice");
  };
  $("effects").addEventListener("change", (event) => {
    change({ effect: event.target.value });
    applyEffect();
  });
  $("strength").addEventListener("input", (event) => {
    change({ strength: Number(event.target.value) });
    applyEffect();
  });
  $("backgrounds").addEventListener("change", (event) => {
    change({ background: event.target.value });
    applyEffect();
  });
  $("model").addEventListener("change", (event) => {
    change({ model: event.target.value });
    tell({ model: wishes.model });
  });
  $("photo").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) takePhoto(file);
  });
  for (const kind of ["dragenter", "dragover"]) $("drop").addEventListener(kind, () => $("drop").classList.add("over"));
  for (const kind of ["dragleave", "drop"]) $("drop").addEventListener(kind, () => $("drop").classList.remove("over"));
}
