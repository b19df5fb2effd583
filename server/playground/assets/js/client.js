// The WebSocket: logs in, sends tasks, brings each reply to who waits for it, and survives drops.

const PING_MS = 30_000;
const PONG_MS = 10_000;
const POLL_MS = 3_000;
const WAITS_MS = [300, 700, 1500, 2500];
const MOST_TRIES = 12;
const SESSION_TAKEN = 1008;
const BUSY = new Set(["serviceUnavailable", "storageUnavailable"]);
const ENVELOPE_BYTES = 2;

/**
 * Events: `state` when `state` has changed: offline, connecting, online or refused (the key).
 * A task that was given to `run` ends exactly once, however often the connection is lost: after
 * each login the service is asked for what it has of it, and gets it again if it knows nothing.
 */
export class TaskClient extends EventTarget {
  state = "offline";
  #url;
  #limitBytes;
  #key = "";
  #session = "";
  #socket = null;
  #open = new Map();
  #attempt = 0;
  #retry = 0;
  #pinging = 0;
  #ponging = 0;

  constructor(url, limitBytes) {
    super();
    this.#url = url;
    this.#limitBytes = limitBytes;
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#hurry());
  }

  /** Tasks that have no reply yet. */
  get pending() {
    return this.#open.size;
  }

  /** Log in with this key, on a new connection. */
  connect(key) {
    if (key !== this.#key) this.#session = "";
    this.#key = key;
    this.#attempt = 0;
    this.#drop();
    this.#dial();
  }

  /** Send a task; resolves to its element of `data`, rejects with its error object. */
  run(task) {
    const text = JSON.stringify([task]);
    if (text.length + ENVELOPE_BYTES > this.#limitBytes) return Promise.reject(this.#tooLarge(task, text));
    return new Promise((resolve, reject) => {
      const entry = { task, text, resolve, reject, wasSent: false, tries: 0 };
      this.#open.set(task.taskUUID, entry);
      if (this.state === "online") this.#submit(entry);
    });
  }

  #tooLarge(task, text) {
    const megabytes = (this.#limitBytes / 2 ** 20).toFixed(0);
    return {
      code: "messageTooLarge",
      message: `As a message this has ${text.length.toLocaleString("en")} bytes; at most ${megabytes} MiB are allowed.`,
      parameter: "maskImage" in task ? "maskImage" : "inputImage",
      taskUUID: task.taskUUID,
    };
  }

  #dial() {
    clearTimeout(this.#retry);
    this.#become("connecting");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    const mine = (act) => (event) => socket === this.#socket && act(event);
    socket.addEventListener("open", mine(() => this.#logIn()));
    socket.addEventListener("message", mine((event) => this.#read(event.data)));
    socket.addEventListener("close", mine((event) => this.#lost(event.code)));
  }

  #drop() {
    this.#stopPings();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #logIn() {
    const session = this.#session ? { connectionSessionUUID: this.#session } : {};
    this.#say({ taskType: "authentication", apiKey: this.#key, ...session });
  }

  #say(message) {
    this.#socket?.send(JSON.stringify([message]));
  }

  #lost(code) {
    this.#stopPings();
    this.#socket = null;
    if (this.state === "refused") return;
    if (code === SESSION_TAKEN) this.#session = "";
    this.#become("connecting");
    const wait = WAITS_MS[Math.min(this.#attempt++, WAITS_MS.length - 1)];
    this.#retry = setTimeout(() => this.#dial(), wait * (0.75 + Math.random() / 2));
  }

  #hurry() {
    if (this.state === "connecting" && this.#socket === null) this.#dial();
  }

  #read(text) {
    const { data = [], errors = [] } = JSON.parse(text);
    for (const element of data) this.#take(element);
    for (const error of errors) this.#refuse(error);
  }

  #take(element) {
    if (element.taskType === "authentication") this.#welcome(element);
    else if (element.taskType === "ping") clearTimeout(this.#ponging);
    else if (element.status === "processing") this.#later(element.taskUUID, POLL_MS);
    else this.#end(element.taskUUID)?.resolve(element);
  }

  #welcome({ connectionSessionUUID }) {
    this.#session = connectionSessionUUID;
    this.#attempt = 0;
    this.#pinging = setInterval(() => this.#ping(), PING_MS);
    this.#become("online");
    for (const entry of this.#open.values()) this.#submit(entry);
  }

  /** Send a task for the first time; one that may have arrived before is asked for instead. */
  #submit(entry) {
    if (entry.wasSent) {
      this.#say({ taskType: "getResponse", taskUUID: entry.task.taskUUID });
    } else {
      entry.wasSent = true;
      this.#socket.send(entry.text);
    }
  }

  #refuse(error) {
    if (error.taskType === "authentication") {
      this.#become("refused", error);
      this.#drop();
      return;
    }
    const entry = this.#open.get(error.taskUUID);
    if (!entry) {
      if (!error.taskUUID) this.dispatchEvent(new CustomEvent("fault", { detail: error }));
      return;
    }
    const isUnknown = error.code === "taskNotFound";
    if (isUnknown) entry.wasSent = false;
    const mayWork = isUnknown || error.code === "conflictTaskUUID" || BUSY.has(error.code);
    if (!mayWork || ++entry.tries > MOST_TRIES) this.#end(error.taskUUID).reject(error);
    else if (BUSY.has(error.code)) this.#again(entry);
    else this.#submit(entry);
  }

  /** Send a task again that was refused because the service was busy or about to restart. */
  #again(entry) {
    entry.wasSent = false;
    this.#later(entry.task.taskUUID, WAITS_MS[Math.min(entry.tries, WAITS_MS.length - 1)]);
  }

  #later(taskUUID, wait) {
    setTimeout(() => {
      const entry = this.#open.get(taskUUID);
      if (entry && this.state === "online") this.#submit(entry);
    }, wait);
  }

  #end(taskUUID) {
    const entry = this.#open.get(taskUUID);
    this.#open.delete(taskUUID);
    return entry;
  }

  #ping() {
    this.#say({ taskType: "ping", ping: true });
    clearTimeout(this.#ponging);
    this.#ponging = setTimeout(() => {
      this.#drop();
      this.#lost(0);
    }, PONG_MS);
  }

  #stopPings() {
    clearInterval(this.#pinging);
    clearTimeout(this.#ponging);
  }

  #become(state, error = null) {
    if (state === this.state && !error) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: error }));
  }
}
