// One visit after the other: how it begins, goes on, breaks off, is tried again, and ends.
// Whatever is waited for belongs to one attempt; once that is over, nothing of it is of use.

import { ask, Refusal, sentence } from "./ask.js";
import { openCamera, release } from "./camera.js";
import { browserMs, gathered, preferResolution, videoCounts } from "./connection.js";
import { askForAll, sendPhoto, tell, visit } from "./look.js";
import { dropLast, keepLast, mirror, watchFrames } from "./picture.js";
import { $, notice, number, settle, show } from "./shown.js";

const PAUSES_S = [1, 2, 4, 8, 15, 30]; // between tries, the last one again and again
const SETTLED_MS = 10_000; // after so long the next break is a new one
const HOPELESS_MS = 20_000; // so long a picture may stand still before the connection is made anew

const state = {
  settings: null, attempt: null, peer: null, sender: null, stream: null,
  tries: 0, liveAt: 0, lastCount: null, pingMs: null, serverMs: null,
  measuring: null, watching: null, waiting: null,
};

export const prepareVisits = (settings) => (state.settings = settings);

// === Its beginning ===

export async function begin() {
  const attempt = (state.attempt = {});
  state.tries = 0;
  $("start").disabled = true;
  $("stop").disabled = false;
  $("stop").focus();
  settle("visit");
  try {
    show("Opening the camera", "busy");
    const stream = await openCamera(() => attempt === state.attempt);
    if (!stream) return;
    showCamera(stream);
  } catch (error) {
    if (attempt === state.attempt) leave(error.message);
    return;
  }
  await connectFor(attempt);
}

function showCamera(stream) {
  release(state.stream);
  state.stream = stream;
  $("before").srcObject = stream;
  const [track] = stream.getVideoTracks();
  mirror(track.getSettings().facingMode);
  track.addEventListener("ended", () => state.stream === stream && leave("The camera was unplugged."));
}

async function connectFor(attempt) {
  show(state.tries ? "Trying again" : "Connecting", "busy");
  try {
    await connect();
  } catch (error) {
    if (attempt === state.attempt) breakOff(error.message, error instanceof Refusal && error.again);
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
    if (peer === state.peer && peer.connectionState === "failed") breakOff("The connection broke off.", true);
  });
  openChannel(peer);
  await peer.setLocalDescription();
  await gathered(peer);
  if (peer !== state.peer) return;
  const { sdp } = peer.localDescription;
  const answer = await ask("visits", { method: "POST", body: JSON.stringify({ sdp }) });
  if (peer !== state.peer) return sayGoodbye(answer.id);
  visit.id = answer.id;
  await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
  await preferResolution(transceiver.sender);
  await sendPhoto();
}

function openChannel(peer) {
  const channel = peer.createDataChannel("control");
  visit.channel = channel;
  channel.addEventListener("open", askForAll);
  channel.addEventListener("message", ({ data }) => peer === state.peer && hear(JSON.parse(data)));
  channel.addEventListener("close", () => peer === state.peer && breakOff("The connection broke off.", true));
}

function showMasked(track, receiver) {
  if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
  track.addEventListener("unmute", () => {
    $("after").srcObject = new MediaStream([track]); // until then the last picture of before stays
    dropLast();
    $("stage").classList.remove("idle");
    showLive();
    clearInterval(state.watching);
    state.watching = watchFrames(showWhetherItMoves);
  }, { once: true });
  clearInterval(state.measuring);
  state.measuring = setInterval(measure, 1000);
}

function showLive() {
  state.liveAt = performance.now();
  $("frame").classList.remove("still");
  $("save").disabled = false;
  settle("visit");
  show("Live", "live");
}

// === What comes in ===

function hear(message) {
  if (message.pong) state.pingMs = performance.now() - message.pong;
  if (message.refused) notice("choice", sentence(message.refused));
  if (message.ended) breakOff(sentence(message.ended), message.again);
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

function showWhetherItMoves(stillMs) {
  if (!stillMs) return showLive();
  const isMuted = state.stream?.getVideoTracks()[0].muted;
  if (stillMs > HOPELESS_MS && !isMuted) return breakOff("Nothing came from the server any more.", true);
  $("frame").classList.add("still");
  show("Stands still", "busy");
  notice("visit", isMuted ? "The picture stands still: the camera gives none."
    : "The picture stands still: nothing comes from the server. It goes on by itself.");
}

// === Its end, and the next try ===

// The camera stays open and the last picture is shown until the server is there again.
function breakOff(reason, again) {
  if (!again) return leave(reason);
  if (performance.now() - state.liveAt > SETTLED_MS && state.liveAt) state.tries = 0;
  $("frame").classList.add("still");
  keepLast();
  disconnect();
  const { attempt } = state;
  const pauseS = PAUSES_S[Math.min(state.tries++, PAUSES_S.length - 1)];
  const at = performance.now() + 1000 * pauseS * (0.9 + 0.2 * Math.random()); // others wait as well
  const wait = () => {
    const leftS = Math.ceil((at - performance.now()) / 1000);
    if (leftS <= 0) return tryAgain(attempt);
    show("Trying again", "busy");
    notice("visit", `${reason} Trying again in ${leftS} s.`);
  };
  state.waiting = setInterval(wait, 250);
  wait();
}

function tryAgain(attempt) {
  clearInterval(state.waiting);
  if (attempt && attempt === state.attempt) connectFor(attempt);
}

// What a browser learns of its network is worth a try at once.
export function hurry() {
  if (state.attempt && !state.peer && state.stream) tryAgain(state.attempt);
}

function disconnect() {
  const { peer } = state;
  if (visit.id) sayGoodbye(visit.id);
  Object.assign(visit, { channel: null, id: null });
  Object.assign(state, { peer: null, sender: null, liveAt: 0, lastCount: null, pingMs: null, serverMs: null });
  for (const timer of [state.measuring, state.watching, state.waiting]) clearInterval(timer);
  peer?.close();
  $("save").disabled = true;
  for (const id of ["n-fps", "n-trip", "n-latency", "n-kept", "n-age", "n-size"]) $(id).textContent = "–";
}

export function leave(reason) {
  disconnect();
  release(state.stream);
  Object.assign(state, { attempt: null, stream: null });
  const hadFocus = document.activeElement === $("stop") || document.activeElement === document.body;
  if (document.fullscreenElement) document.exitFullscreen();
  $("before").srcObject = $("after").srcObject = null;
  dropLast();
  $("frame").classList.remove("still");
  $("stage").classList.add("idle");
  $("stop").disabled = true;
  $("start").disabled = $("turn").disabled = false;
  if (hadFocus) $("start").focus();
  show("Not connected", reason ? "bad" : "");
  if (reason) notice("visit", reason);
  else $("notice").hidden = true;
}

function sayGoodbye(id) {
  fetch(`visits/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
}

export const isVisiting = () => state.attempt !== null;

// === Another camera ===

export async function changeCamera() {
  const { attempt } = state;
  release(state.stream);
  try {
    const stream = await openCamera(() => attempt === state.attempt);
    if (!stream) return;
    showCamera(stream);
    await state.sender?.replaceTrack(stream.getVideoTracks()[0]);
  } catch (error) {
    if (attempt === state.attempt) leave(error.message);
  }
}
