// The page: sends the camera, shows what comes back, and asks for effects.

import { ask } from "./ask.js";
import { chooseOther, offerCameras } from "./camera.js";
import { recall, wishes } from "./choices.js";
import { applyEffect, drawControls, hasPhoto, listenToLook } from "./look.js";
import { compare, listenToPicture, mirror } from "./picture.js";
import { $, notice, settle, show } from "./shown.js";
import { begin, changeCamera, hurry, isVisiting, leave, prepareVisits } from "./visit.js";

const LOOK_AGAIN_MS = 3000; // for a server that did not answer when the page was opened

// While there is no visit, the other camera is only chosen: the next start opens it.
async function turnCamera() {
  const wasVisiting = isVisiting();
  $("turn").disabled = true;
  const name = await chooseOther();
  if (wasVisiting !== isVisiting()) return;
  if (wasVisiting) {
    await changeCamera();
  } else {
    $("turn").disabled = false;
    show(`Next: ${name}`);
  }
}

function listen() {
  $("start").addEventListener("click", begin);
  $("stop").addEventListener("click", () => leave());
  $("turn").addEventListener("click", turnCamera);
  addEventListener("pagehide", () => isVisiting() && leave());
  addEventListener("online", hurry);
  listenToLook();
  listenToPicture();
}

async function start() {
  let settings;
  try {
    settings = await ask("settings");
  } catch (error) {
    show("Not connected", "bad");
    notice("visit", error.message);
    if (error.again) setTimeout(start, LOOK_AGAIN_MS);
    return;
  }
  settle("visit"); // where the server did not answer at first
  show("Not connected");
  recall(settings, hasPhoto());
  prepareVisits(settings);
  drawControls(settings);
  applyEffect();
  compare(wishes.comparing);
  mirror(wishes.camera.facingMode);
  $("start").disabled = false;
  await offerCameras();
}

history.replaceState(null, "", location.pathname); // the token need not stay in sight
listen();
await start();
