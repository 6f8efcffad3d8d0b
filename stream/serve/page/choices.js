// What a person has chosen, and that this browser remembers it.

const KEY = "maskcast";

export const COLOURS = {
  "#2a6f97": "blue", "#0f8a4b": "green", "#e9c46a": "sand", "#f4f4f2": "white", "#1d1f24": "black",
};
export const UPLOADED = "uploaded"; // in the place of a colour
export const ANY_CAMERA = { facingMode: "user" };

// `mirror` is null until it was chosen: then it goes by the camera.
export const wishes = {
  effect: "blur", strength: 50, background: Object.keys(COLOURS)[0], model: null,
  mirror: null, comparing: false, split: 50, camera: ANY_CAMERA,
};

// Anything may stand in a browser's storage; what is offered no more is forgotten.
export function recall(settings, hasPhoto) {
  const isOne = {
    effect: (value) => settings.effects.includes(value),
    strength: (value) => value >= 5 && value <= 100,
    background: (value) => value in COLOURS || (value === UPLOADED && hasPhoto),
    model: (value) => settings.models.includes(value),
    mirror: (value) => typeof value === "boolean",
    comparing: (value) => typeof value === "boolean",
    split: (value) => value >= 0 && value <= 100,
    camera: (value) => typeof (value.facingMode ?? value.deviceId?.exact) === "string",
  };
  wishes.model = settings.models[0];
  try {
    const kept = JSON.parse(localStorage.getItem(KEY)) ?? {};
    for (const [name, is] of Object.entries(isOne)) {
      if (kept[name] !== undefined && kept[name] !== null && is(kept[name])) wishes[name] = kept[name];
    }
  } catch {
    // nothing was kept, or may be
  }
}

export function choose(changes) {
  Object.assign(wishes, changes);
  try {
    localStorage.setItem(KEY, JSON.stringify(wishes));
  } catch {
    // then it is chosen for this visit
  }
}
