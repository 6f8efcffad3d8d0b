// The picture: before and after, mirrored, as large as the screen, saved, and whether it moves.

import { choose, wishes } from "./choices.js";
import { $ } from "./shown.js";

const LOOK_EVERY_MS = 250;
const STILL_MS = 1200; // with the look that finds out, it is said well within two seconds

export function compare(on) {
  $("frame").classList.toggle("comparing", on);
  $("compare").setAttribute("aria-pressed", String(on));
  if (on) divide(wishes.split || 50);
}

export function divide(percent) {
  $("split").value = percent;
  $("frame").style.setProperty("--split", `${percent}%`);
}

// A picture of oneself is expected as in a mirror, one of what the back of a phone sees is not.
export function mirror(facingMode) {
  const on = wishes.mirror ?? facingMode !== "environment";
  $("frame").classList.toggle("mirrored", on);
  $("mirror").setAttribute("aria-pressed", String(on));
}

// Calls `onChange` with how long the picture has stood still, and with 0 when it moves again.
export function watchFrames(onChange) {
  let num = -1, movedAt = performance.now(), wasStill = false;
  return setInterval(() => {
    const now = performance.now();
    const shown = $("after").getVideoPlaybackQuality().totalVideoFrames;
    if (shown !== num || document.hidden) { // behind another tab a browser shows nothing
      [num, movedAt] = [shown, now];
      if (wasStill) onChange(0);
      wasStill = false;
    } else if (now - movedAt > STILL_MS) {
      wasStill = true;
      onChange(now - movedAt);
    }
  }, LOOK_EVERY_MS);
}

// === Full screen ===

const isFull = () => document.fullscreenElement !== null;

function toggleFull() {
  if (isFull()) document.exitFullscreen();
  else if ($("stage").requestFullscreen) $("stage").requestFullscreen().catch(() => {});
  else $("after").webkitEnterFullscreen(); // a phone's own, without buttons
}

function showFull() {
  $("full").setAttribute("aria-pressed", String(isFull()));
  for (const part of [document.querySelector("header"), $("controls")]) part.inert = isFull(); // out of sight, out of reach
}

// === A picture to keep ===

function drawn(mirrored) {
  const video = $("after");
  const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
  const context = canvas.getContext("2d");
  if (mirrored) context.setTransform(-1, 0, 0, 1, canvas.width, 0);
  context.drawImage(video, 0, 0);
  return canvas;
}

// A browser blanks a video whose connection is closed.
export function keepLast() {
  if (!$("after").videoWidth) return;
  drawn(false).toBlob((blob) => {
    if (!$("frame").classList.contains("still")) return; // it moves again
    dropLast();
    $("after").poster = URL.createObjectURL(blob);
    $("after").srcObject = null;
  }, "image/jpeg");
}

export function dropLast() {
  if ($("after").poster) URL.revokeObjectURL($("after").poster);
  $("after").removeAttribute("poster");
}

function save() {
  drawn($("frame").classList.contains("mirrored")).toBlob((blob) => {
    const time = new Date(Date.now() - 60_000 * new Date().getTimezoneOffset()).toISOString().slice(0, 19);
    const link = Object.assign(document.createElement("a"), {
      href: URL.createObjectURL(blob), download: `maskcast-${time.replace("T", "-").replaceAll(":", "")}.png`,
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }, "image/png");
}

export function listenToPicture() {
  $("full").hidden = !document.fullscreenEnabled && !$("after").webkitEnterFullscreen;
  $("full").addEventListener("click", toggleFull);
  document.addEventListener("fullscreenchange", showFull);
  $("save").addEventListener("click", save);
  $("compare").addEventListener("click", () => {
    choose({ comparing: !wishes.comparing });
    compare(wishes.comparing);
  });
  $("mirror").addEventListener("click", () => {
    choose({ mirror: !$("frame").classList.contains("mirrored") });
    mirror();
  });
  $("split").addEventListener("input", (event) => {
    divide(event.target.value);
    choose({ split: Number(event.target.value) });
  });
  for (const id of ["before", "after"]) {
    $(id).addEventListener("resize", ({ target }) => {
      if (target.videoWidth) $("frame").style.setProperty("--aspect", target.videoWidth / target.videoHeight);
    });
  }
}
