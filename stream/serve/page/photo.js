// Photos that become backgrounds.

const MAX_SIDE = 1600; // of a photo before it is sent: the server keeps no more
const KEY = "maskcast-photo";

// Photos of phones are large and sometimes HEIC: what this browser can show goes as a small JPEG.
export async function asJpeg(file, maxSide = MAX_SIDE) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file; // the server says what is wrong with it
  }
  const scale = Math.min(1, maxSide / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
}

// Kept with this tab: it is there after a reload, and not for the next person.
export function keepPhoto(blob, name) {
  const reader = new FileReader();
  reader.addEventListener("load", () => {
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ name, data: reader.result }));
    } catch {
      forgetPhoto(); // it is too large, or nothing may be kept
    }
  });
  reader.readAsDataURL(blob);
}

export function forgetPhoto() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // nothing was kept
  }
}

export function keptPhoto() {
  try {
    const { name, data } = JSON.parse(sessionStorage.getItem(KEY));
    const bytes = Uint8Array.from(atob(data.split(",")[1]), (letter) => letter.charCodeAt(0));
    return { name, blob: new Blob([bytes], { type: "image/jpeg" }) };
  } catch {
    return null;
  }
}
