// The cameras: which there are, which one is chosen, and opening it.

import { ANY_CAMERA, choose, wishes } from "./choices.js";
import { $ } from "./shown.js";

const SIZE = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30, max: 30 } };
let used = {}; // settings of the one that was opened last

// Returns `null` if nobody wants it any more when the browser gives it.
export async function openCamera(isWanted) {
  if (!navigator.mediaDevices) {
    throw new Error("This browser gives no camera to a page without TLS: open it as localhost or https.");
  }
  $("turn").disabled = true; // one at a time: many a phone opens no second camera beside the first
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { ...SIZE, ...wishes.camera } });
    if (isWanted()) {
      used = stream.getVideoTracks()[0].getSettings();
      offerCameras(); // browsers tell of all of them only once one was allowed
      return stream;
    }
    release(stream);
    return null;
  } catch (error) {
    const reasons = {
      NotAllowedError: "The browser was not allowed to use the camera; allow it beside the address.",
      NotFoundError: "No camera was found.",
      NotReadableError: "Another program uses the camera.",
      OverconstrainedError: "The camera chosen is gone; the next start takes another one.",
    };
    if (error.name === "OverconstrainedError") choose({ camera: ANY_CAMERA });
    throw new Error(reasons[error.name] ?? `The camera cannot be opened (${error.name}).`);
  } finally {
    if (isWanted()) $("turn").disabled = false;
  }
}

export const release = (stream) => stream?.getTracks().forEach((track) => track.stop());

async function listCameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return devices.filter((device) => device.kind === "videoinput");
}

export async function offerCameras() {
  $("turn").hidden = (await listCameras()).length < 2;
}

// A phone has a front and a back, of whose cameras the browser takes the best; others have a list.
export async function chooseOther() {
  const cameras = await listCameras();
  const faces = new Set(cameras.flatMap((camera) => camera.getCapabilities?.().facingMode ?? []));
  const isPhone = faces.size > 1 || (faces.size === 0 && used.facingMode);
  if (isPhone || !cameras[0]?.deviceId) {
    const back = wishes.camera.facingMode !== "environment";
    choose({ camera: { facingMode: back ? "environment" : "user" }, mirror: null });
    return back ? "back camera" : "front camera";
  }
  const now = wishes.camera.deviceId?.exact ?? used.deviceId;
  const index = Math.max(0, cameras.findIndex((camera) => camera.deviceId === now));
  const next = cameras[(index + 1) % cameras.length];
  choose({ camera: { deviceId: { exact: next.deviceId } }, mirror: null }); // a mere wish is outweighed by the size
  return next.label || "other camera";
}
