// The connection to the run: what it tells, what it is asked, and whether it stands still.

const STILL_MS = 1500; // news come twice a second; with the look that finds out, it is said within two seconds
const LOOK_EVERY_MS = 250;
const GIVEN_UP_MS = 6000; // a connection that has said nothing for so long is opened anew
const AGAIN_MS = [500, 1000, 2000, 4000];
const HIDDEN_MS = 5000; // nobody looks at a page that is hidden: the camera may rest
const ENDED = 1001;

// `on` has opened(), told(news), pictured(blob), still(), moves() and closed(hasEnded).
export class Link {
  constructor(on) {
    this.on = on;
    this.socket = null;
    this.heardAt = 0;
    this.isStill = false;
    this.numTries = 0;
    this.timer = null;
    this.hiding = null;
    setInterval(() => this.look(), LOOK_EVERY_MS);
    addEventListener("online", () => this.open());
    document.addEventListener("visibilitychange", () => this.show());
  }

  open() {
    clearTimeout(this.timer);
    this.leave();
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
    socket.binaryType = "blob";
    this.socket = socket;
    this.heardAt = performance.now();
    socket.addEventListener("message", ({ data }) => socket === this.socket && this.hear(data));
    socket.addEventListener("close", ({ code }) => socket === this.socket && this.lose(code === ENDED));
  }

  leave() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  hear(data) {
    const isFirst = this.numTries !== -1;
    this.heardAt = performance.now();
    this.numTries = -1;
    if (isFirst) this.on.opened();
    if (this.isStill) this.on.moves();
    this.isStill = false;
    if (data instanceof Blob) this.on.pictured(data);
    else this.on.told(JSON.parse(data));
  }

  lose(hasEnded) {
    this.socket = null;
    this.isStill = true;
    this.numTries = Math.max(0, this.numTries);
    this.on.closed(hasEnded);
    this.timer = setTimeout(() => this.open(), AGAIN_MS[Math.min(this.numTries, AGAIN_MS.length - 1)]);
    this.numTries += 1;
  }

  look() {
    if (!this.socket) return;
    const waitedMs = performance.now() - this.heardAt;
    if (waitedMs > GIVEN_UP_MS) {
      this.leave();
      this.lose(false);
    } else if (waitedMs > STILL_MS && !this.isStill) {
      this.isStill = true;
      this.on.still();
    }
  }

  show() {
    clearTimeout(this.hiding);
    if (document.hidden) {
      this.hiding = setTimeout(() => {
        clearTimeout(this.timer);
        this.leave();
      }, HIDDEN_MS);
    } else if (!this.socket) {
      this.open();
    }
  }

  // Whether it could be sent.
  send(message) {
    const isOpen = this.socket?.readyState === WebSocket.OPEN;
    if (isOpen) this.socket.send(JSON.stringify(message));
    return isOpen;
  }
}
