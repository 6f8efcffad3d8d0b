// The control page: shows the picture of a run and asks for changes.

import { ask, sentence } from "./ask.js";
import { drawControls, showState } from "./controls.js";
import { Link } from "./link.js";
import { asJpeg } from "./photo.js";
import { $, notice, settle, show } from "./shown.js";

const AGAIN_MS = 2000;
const MAX_SIDE = 3840; // of a photo before it is sent: the run keeps no more
const TOLD_MS = 4000;
const STEP = 0.02; // of the picture, for an arrow key

let toldNumber = null, toldTimer = null, shownUrl = null, hasEnded = false;
const mark = { x: 0.5, y: 0.5 };

const link = new Link({
  opened() {
    hasEnded = false;
    settle("link");
    show("Live", "live");
  },
  told(news) {
    if (news.error) {
      notice("asked", sentence(news.error));
      return;
    }
    showState(news);
    showFigures(news);
  },
  pictured: showPicture,
  still() {
    stand("The connection stands still");
  },
  moves() {
    $("frame").classList.remove("still");
    settle("link");
    show("Live", "live");
  },
  closed(byItsEnd) {
    hasEnded ||= byItsEnd; // until another run is there
    stand(hasEnded ? "The run has ended" : "Trying again");
  },
});

function stand(text) {
  $("frame").classList.add("still");
  show(text, "bad");
  notice("link", sentence(text === "Trying again" ? "the program does not answer; trying again" : text));
}

function set(name, value) {
  settle("asked");
  const isSent = link.send({ set: { [name]: value } });
  if (!isSent) notice("asked", sentence("not done, as there is no connection"));
  return isSent;
}

// === What is shown ===

function showPicture(blob) {
  const url = URL.createObjectURL(blob), picture = $("picture");
  picture.onload = picture.onerror = () => {
    if (shownUrl && shownUrl !== url) URL.revokeObjectURL(shownUrl);
    shownUrl = url;
    if (picture.naturalWidth) $("frame").style.setProperty("--aspect", picture.naturalWidth / picture.naturalHeight);
    link.send({ shown: true });
  };
  picture.hidden = false;
  picture.src = url;
}

function showFigures({ network, rates, objects, microphone, message }) {
  for (const [id, text] of Object.entries({ network, rates, objects, microphone })) {
    if ($(`n-${id}`).textContent !== text) $(`n-${id}`).textContent = text;
  }
  $("n-microphone").parentElement.hidden = !microphone;
  if (toldNumber !== null && message.number !== toldNumber) tell(message.text);
  toldNumber = message.number;
}

function tell(text) {
  $("told").textContent = text;
  clearTimeout(toldTimer);
  toldTimer = setTimeout(() => { $("told").textContent = ""; }, TOLD_MS);
}

// === People to keep ===

const within = (share) => Math.min(0.999, Math.max(0, share));

function aim(x, y) {
  Object.assign(mark, { x: within(x), y: within(y) });
  $("mark").style.setProperty("--x", `${mark.x * 100}%`);
  $("mark").style.setProperty("--y", `${mark.y * 100}%`);
}

function listenToPicture() {
  $("aim").addEventListener("click", (event) => {
    if (event.detail > 0) { // by a pointer, not by a key
      const box = $("frame").getBoundingClientRect();
      aim((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    }
    set("pick", [mark.x, mark.y]);
  });
  $("aim").addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!by) return;
    event.preventDefault();
    const step = event.shiftKey ? 5 * STEP : STEP;
    aim(mark.x + by[0] * step, mark.y + by[1] * step);
  });
}

// === Backgrounds ===

async function takePhoto(file) {
  settle("photo");
  tell(`${file.name} is on its way`);
  try {
    const body = await asJpeg(file, MAX_SIDE);
    showState(await ask(`background?name=${encodeURIComponent(file.name)}`, { method: "PUT", body, signal: undefined }));
  } catch (error) {
    notice("photo", error.message);
  }
}

function listenToDrops() {
  let depth = 0; // children tell of it as well
  const over = (by) => {
    depth = Math.max(0, depth + by);
    document.body.classList.toggle("over", depth > 0);
  };
  addEventListener("dragenter", (event) => { event.preventDefault(); over(1); });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("dragleave", () => over(-1));
  addEventListener("drop", (event) => {
    event.preventDefault();
    over(-depth);
    const [file] = event.dataTransfer.files;
    if (file) takePhoto(file);
  });
  $("photo").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) takePhoto(file);
  });
}

// === The beginning ===

async function start() {
  let actions, state;
  try {
    ({ actions } = await ask("schema"));
    state = await ask("state");
  } catch (error) {
    show("Not connected", "bad");
    notice("link", error.message);
    if (error.again) setTimeout(start, AGAIN_MS);
    return;
  }
  settle("link");
  drawControls(actions, set);
  showState(state);
  showFigures(state);
  listenToPicture();
  listenToDrops();
  link.open();
}

history.replaceState(null, "", location.pathname); // the token need not stay in sight
await start();
