// The page: sends the camera, shows what comes back, and asks for effects.

import { ask, sentence } from "./ask.js";
import { browserMs, gathered, preferResolution, videoCounts } from "./connection.js";
import { asJpeg } from "./photo.js";

const $ = (id) => document.getElementById(id);

const EFFECTS = {
  blur: "Blur", replace: "Replace", grey: "Grey", overlay: "Overlay", mask: "Mask", none: "None",
};
const COLOURS = {
  "#2a6f97": "blue", "#0f8a4b": "green", "#e9c46a": "sand", "#f4f4f2": "white", "#1d1f24": "black",
};
const UPLOADED = "uploaded";
const EFFECT_EVERY_MS = 100; // a slider changes with every frame of the display; the server takes 40 messages a second
const CAMERA = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30, max: 30 } };
const ANY_CAMERA = { facingMode: "user" };

const wishes = { effect: "blur", strength: 50, background: Object.keys(COLOURS)[0], model: null };
const state = {
  settings: null, attempt: null, visit: null, peer: null, sender: null, channel: null, stream: null,
  camera: ANY_CAMERA, used: {}, photo: null, effectAt: -Infinity, effectTimer: null,
  lastCount: null, pingMs: null, serverMs: null, timer: null,
};

// === What is shown ===

function show(text, kind = "") {
  $("status").textContent = text;
  $("status").className = kind;
}

// A notice is there until what it is about has changed: "visit", "choice" or "network".
function notice(about, text) {
  $("notice").textContent = text;
  $("notice").dataset.about = about;
  $("notice").hidden = false;
}

function settle(about) {
  if ($("notice").dataset.about === about) $("notice").hidden = true;
}

function number(id, value, digits = 0) {
  $(id).textContent = value === null || Number.isNaN(value) ? "–" : value.toFixed(digits);
}

function drawControls() {
  for (const name of state.settings.effects) {
    $("effects").append(choice("choice", "effect", name, EFFECTS[name] ?? name, name === wishes.effect));
  }
  for (const [colour, name] of Object.entries(COLOURS)) {
    const swatch = choice("swatch", "background", colour, "", colour === wishes.background);
    swatch.style.backgroundColor = colour;
    swatch.firstChild.setAttribute("aria-label", name);
    $("backgrounds").append(swatch);
  }
  for (const name of state.settings.models) $("model").append(new Option(name, name));
  $("model").disabled = state.settings.models.length < 2;
  wishes.model = state.settings.models[0];
}

function choice(kind, group, value, text, checked) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "radio", name: group, value, checked });
  label.className = kind;
  label.append(input, text);
  return label;
}

function compare(on) {
  $("frame").classList.toggle("comparing", on);
  $("compare").setAttribute("aria-pressed", String(on));
  if (on) divide(Number($("split").value) || 50);
}

function divide(percent) {
  $("split").value = percent;
  $("frame").style.setProperty("--split", `${percent}%`);
}

// === What is asked for ===

function effectText() {
  if (wishes.effect === "blur") return `blur=${wishes.strength / 100}`;
  if (wishes.effect === "replace") return `replace=${wishes.background}`;
  return wishes.effect;
}

function tell(message) {
  if (state.channel?.readyState === "open") state.channel.send(JSON.stringify(message));
}

function applyEffect() {
  $("strength-field").hidden = wishes.effect !== "blur";
  $("background-field").hidden = wishes.effect !== "replace";
  $("strength-value").textContent = `${wishes.strength} %`;
  sendEffect();
}

// What is chosen while it waits is sent in its place, so that the last choice always arrives.
function sendEffect() {
  clearTimeout(state.effectTimer);
  const waitMs = state.effectAt + EFFECT_EVERY_MS - performance.now();
  if (waitMs > 0) {
    state.effectTimer = setTimeout(sendEffect, waitMs);
    return;
  }
  if (wishes.effect === "replace" && wishes.background === UPLOADED && !state.photo?.sent) return;
  state.effectAt = performance.now();
  tell({ effect: effectText() });
}

async function takePhoto(file) {
  settle("choice");
  $("photo-name").textContent = file.name;
  state.photo = { blob: await asJpeg(file), sent: false };
  await sendPhoto();
}

async function sendPhoto() {
  const { photo, visit } = state;
  if (!photo || !visit) return;
  let wrong = null;
  try {
    await ask(`visits/${visit}/background`, { method: "PUT", body: photo.blob });
  } catch (error) {
    wrong = error.message;
  }
  if (photo !== state.photo || visit !== state.visit) return; // whatever came of it, it is over
  if (wrong) {
    state.photo = null;
    $("photo-name").textContent = "Choose a photo, or drop one here";
    notice("choice", wrong);
    return;
  }
  photo.sent = true;
  showPhoto();
  wishes.background = UPLOADED;
  applyEffect();
}

function showPhoto() {
  $("backgrounds").querySelector(`[value=${UPLOADED}]`)?.parentElement.remove();
  const swatch = choice("swatch", "background", UPLOADED, "", true);
  const address = URL.createObjectURL(state.photo.blob);
  swatch.style.backgroundImage = `url(${address})`;
  swatch.firstChild.setAttribute("aria-label", "your photo");
  $("backgrounds").append(swatch);
}

// === The visit ===

// Returns `null` if the attempt was over before the browser gave the camera.
async function openCamera(attempt) {
  if (!navigator.mediaDevices) {
    throw new Error("This browser gives no camera to a page without TLS: open it as localhost or https.");
  }
  $("turn").disabled = true; // one at a time: many a phone opens no second camera beside the first
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { ...CAMERA, ...state.camera } });
    if (attempt === state.attempt) return stream;
    release(stream);
    return null;
  } catch (error) {
    const reasons = {
      NotAllowedError: "The browser was not allowed to use the camera; allow it beside the address.",
      NotFoundError: "No camera was found.",
      NotReadableError: "Another program uses the camera.",
      OverconstrainedError: "The camera chosen is gone; the next start takes another one.",
    };
    if (error.name === "OverconstrainedError") state.camera = ANY_CAMERA;
    throw new Error(reasons[error.name] ?? `The camera cannot be opened (${error.name}).`);
  } finally {
    if (attempt === state.attempt) $("turn").disabled = false;
  }
}

const release = (stream) => stream?.getTracks().forEach((track) => track.stop());

function showCamera(stream) {
  release(state.stream);
  state.stream = stream;
  $("before").srcObject = stream;
  const [track] = stream.getVideoTracks();
  state.used = track.getSettings();
  setMirror(state.used.facingMode !== "environment");
  track.addEventListener("ended", () => state.stream === stream && leave("The camera was unplugged."));
  offerCameras(); // browsers tell of all of them only once one was allowed
}

// Whatever is waited for belongs to one attempt; once that is over, nothing of it is of use.
async function begin() {
  const attempt = (state.attempt = {});
  $("start").disabled = true;
  $("stop").disabled = false;
  settle("visit");
  try {
    show("Opening the camera", "busy");
    const stream = await openCamera(attempt);
    if (!stream) return;
    showCamera(stream);
    show("Connecting", "busy");
    await connect();
  } catch (error) {
    if (attempt === state.attempt) leave(error.message);
  }
}

async function connect() {
  const { stun } = state.settings;
  const peer = new RTCPeerConnection({ iceServers: stun ? [{ urls: stun }] : [] });
  state.peer = peer;
  const [track] = state.stream.getVideoTracks();
  const transceiver = peer.addTransceiver(track, { direction: "sendrecv", streams: [state.stream] });
  state.sender = transceiver.sender;
  peer.addEventListener("track", (event) => showMasked(event.track, transceiver.receiver));
  peer.addEventListener("connectionstatechange", () => {
    if (peer === state.peer && peer.connectionState === "failed") leave("The connection failed.");
  });
  openChannel(peer);
  await peer.setLocalDescription();
  await gathered(peer);
  if (peer !== state.peer) return;
  const { sdp } = peer.localDescription;
  const answer = await ask("visits", { method: "POST", body: JSON.stringify({ sdp }) });
  if (peer !== state.peer) return sayGoodbye(answer.id);
  state.visit = answer.id;
  await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
  await preferResolution(transceiver.sender);
  await sendPhoto();
}

function openChannel(peer) {
  const channel = peer.createDataChannel("control");
  state.channel = channel;
  channel.addEventListener("open", () => {
    if (wishes.model) tell({ model: wishes.model });
    applyEffect();
  });
  channel.addEventListener("message", ({ data }) => peer === state.peer && hear(JSON.parse(data)));
  channel.addEventListener("close", () => peer === state.peer && leave("The connection ended."));
}

function showMasked(track, receiver) {
  if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
  $("after").srcObject = new MediaStream([track]);
  track.addEventListener("unmute", () => {
    $("stage").classList.remove("idle");
    show("Live", "live");
  });
  clearInterval(state.timer);
  state.timer = setInterval(measure, 1000);
}

function hear(message) {
  if (message.pong) state.pingMs = performance.now() - message.pong;
  if (message.refused) notice("choice", sentence(message.refused));
  if (message.ended) leave(sentence(message.ended));
  if (message.model) {
    $("model").value = message.model;
    $("device").textContent = message.device;
  }
  if (!message.numbers) return;
  const { numbers } = message;
  state.serverMs = numbers.latency_ms;
  number("n-latency", numbers.latency_ms);
  number("n-kept", numbers.covered ? null : numbers.kept * 100);
  number("n-age", numbers.covered ? null : numbers.mask_age_ms);
  if (numbers.failure) notice("network", `The network failed, so the whole picture is covered: ${numbers.failure}`);
  else settle("network");
}

// The round trip is the sum of its parts: those in this browser, the way there and back, the server.
async function measure() {
  tell({ ping: performance.now() });
  const peer = state.peer;
  if (!peer) return;
  const count = await videoCounts(peer);
  if (!count || peer !== state.peer) return;
  const last = state.lastCount;
  state.lastCount = count;
  if (!last || count.frames === last.frames || count.encoded === last.encoded) {
    number("n-fps", last ? 0 : null);
    return;
  }
  const seconds = (count.at - last.at) / 1000;
  number("n-fps", (count.frames - last.frames) / seconds, 1);
  $("n-size").textContent = `${count.width} × ${count.height}`;
  if (state.pingMs === null || state.serverMs === null) return;
  number("n-trip", browserMs(last, count) + state.pingMs + state.serverMs);
}

function leave(reason) {
  const { peer, stream, visit } = state;
  Object.assign(state, { attempt: null, peer: null, sender: null, channel: null, stream: null, visit: null });
  Object.assign(state, { lastCount: null, pingMs: null, serverMs: null });
  if (state.photo) state.photo.sent = false;
  clearInterval(state.timer);
  if (visit) sayGoodbye(visit);
  peer?.close();
  release(stream);
  $("before").srcObject = $("after").srcObject = null;
  $("stage").classList.add("idle");
  $("stop").disabled = true;
  $("start").disabled = $("turn").disabled = false;
  for (const id of ["n-fps", "n-trip", "n-latency", "n-kept", "n-age", "n-size"]) $(id).textContent = "–";
  show("Not connected", reason ? "bad" : "");
  if (reason) notice("visit", reason);
  else $("notice").hidden = true;
}

function sayGoodbye(visit) {
  fetch(`visits/${visit}`, { method: "DELETE", keepalive: true }).catch(() => {});
}

// While there is no visit, the other camera is only chosen: the next start opens it.
async function turnCamera() {
  const { attempt } = state;
  $("turn").disabled = true;
  const name = await chooseOther();
  if (attempt !== state.attempt) return;
  if (!attempt) {
    $("turn").disabled = false;
    show(`Next: ${name}`);
    return;
  }
  release(state.stream);
  try {
    const stream = await openCamera(attempt);
    if (!stream) return;
    showCamera(stream);
    await state.sender?.replaceTrack(stream.getVideoTracks()[0]);
  } catch (error) {
    if (attempt === state.attempt) leave(error.message);
  }
}

// A phone has a front and a back, of whose cameras the browser takes the best; others have a list.
async function chooseOther() {
  const cameras = await listCameras();
  const faces = new Set(cameras.flatMap((camera) => camera.getCapabilities?.().facingMode ?? []));
  const isPhone = faces.size > 1 || (faces.size === 0 && state.used.facingMode);
  if (isPhone || !cameras[0]?.deviceId) {
    const back = state.camera.facingMode !== "environment";
    state.camera = { facingMode: back ? "environment" : "user" };
    return back ? "back camera" : "front camera";
  }
  const now = state.camera.deviceId?.exact ?? state.used.deviceId;
  const index = Math.max(0, cameras.findIndex((camera) => camera.deviceId === now));
  const next = cameras[(index + 1) % cameras.length];
  state.camera = { deviceId: { exact: next.deviceId } }; // a mere wish is outweighed by the size
  return next.label || "other camera";
}

function setMirror(on) {
  $("frame").classList.toggle("mirrored", on);
  $("mirror").setAttribute("aria-pressed", String(on));
}

// === What a person does ===

function listen() {
  $("start").addEventListener("click", begin);
  $("stop").addEventListener("click", () => leave());
  $("turn").addEventListener("click", turnCamera);
  $("compare").addEventListener("click", () => compare(!$("frame").classList.contains("comparing")));
  $("mirror").addEventListener("click", () => setMirror(!$("frame").classList.contains("mirrored")));
  $("split").addEventListener("input", (event) => divide(event.target.value));
  $("effects").addEventListener("change", (event) => {
    wishes.effect = event.target.value;
    settle("choice");
    applyEffect();
  });
  $("strength").addEventListener("input", (event) => {
    wishes.strength = Number(event.target.value);
    settle("choice");
    applyEffect();
  });
  $("backgrounds").addEventListener("change", (event) => {
    wishes.background = event.target.value;
    settle("choice");
    applyEffect();
  });
  $("model").addEventListener("change", (event) => {
    wishes.model = event.target.value;
    settle("choice");
    tell({ model: wishes.model });
  });
  $("photo").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) takePhoto(file);
  });
  for (const kind of ["dragenter", "dragover"]) $("drop").addEventListener(kind, () => $("drop").classList.add("over"));
  for (const kind of ["dragleave", "drop"]) $("drop").addEventListener(kind, () => $("drop").classList.remove("over"));
  for (const id of ["before", "after"]) {
    $(id).addEventListener("resize", ({ target }) => {
      if (target.videoWidth) $("frame").style.setProperty("--aspect", target.videoWidth / target.videoHeight);
    });
  }
  addEventListener("pagehide", () => state.attempt && leave());
}

async function listCameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return devices.filter((device) => device.kind === "videoinput");
}

async function offerCameras() {
  $("turn").hidden = (await listCameras()).length < 2;
}

history.replaceState(null, "", location.pathname); // the token need not stay in sight
listen();
try {
  state.settings = await ask("settings");
  drawControls();
  applyEffect();
  $("start").disabled = false;
  await offerCameras();
} catch (error) {
  $("start").disabled = true;
  show("Not connected", "bad");
  notice("visit", error.message);
}
