// Documents around the chat: adding files, what questions are narrowed to, notices of changes.
// The library itself is library-panel.js, loaded when it is first opened.
import { make, words, api, say } from "/public/library-parts.js";
import { nameControls } from "/public/control-names.js";

const NEWS_MS = 4000;
const FILES_MS = 700;
const state = { conversation: "", files: [], narrowing: {}, limits: null, queue: [], busy: false };
let bar, panel, overlay, newest = null, filesTimer, tellConversation;
const conversationTold = new Promise((resolve) => { tellConversation = resolve; });

// What the page knows of its conversation comes from the server, as a message to the window.
window.addEventListener("message", (event) => {
  const told = event.source === window && event.data?.footnote;
  if (!told) return;
  if (told.conversation && told.conversation !== state.conversation) {
    Object.assign(state, { conversation: told.conversation, files: [], narrowing: {} });
    tellConversation();
    recallNarrowing();
    lookAtFiles().then(() => panel?.refresh()); // it offers what can be found here
  }
  if (told.narrowing) setNarrowing(told.narrowing);
  if (told.open === "library") openPanel();
});

const path = (conversation = state.conversation) => `/api/conversations/${conversation}`;

/** A conversation that was narrowed before stays so, and says it. */
async function recallNarrowing() {
  const asked = state.conversation;
  let found;
  try {
    found = await api(`${path()}/narrowing`);
    await learnNames(found.documents);
  } catch (error) { return say(error.message, true); }
  if (asked !== state.conversation) return;
  setNarrowing(found);
  if (Object.keys(found).length) say(words.stillOnly(narrowedTo(found).join(", ")));
}

/** Of documents that are named by their number, which says nothing to people. */
async function learnNames(documents = []) {
  await Promise.all(documents.filter((id) => typeof id === "number").map(async (id) => {
    try {
      namesById.set(id, (await api(`/api/passage/${id}`)).path.split("/").pop());
    } catch { namesById.set(id, words.goneDocument); }
  }));
}

function setNarrowing(found) {
  state.narrowing = found;
  draw();
  panel?.narrowed(found);
}

/** Narrow questions from now on: lists of folders, types, globs, languages, documents. */
async function narrow(wanted) {
  const kept = Object.fromEntries(Object.entries(wanted).filter(([, values]) => values?.length));
  try {
    setNarrowing(await api(`${path()}/narrowing`, { method: "PUT", json: kept }));
  } catch (error) { say(error.message, true); }
}

// The row of chips in the box that questions are typed into

const queued = () => state.queue.filter((item) => item.kept || item.conversation === state.conversation);
const hasChips = () => state.files.length + queued().length + Object.keys(state.narrowing).length;

function draw() {
  if (!bar) return;
  bar.replaceChildren(...narrowingChips(), ...queued().map(queuedChip), ...state.files.map(fileChip));
  bar.hidden = !hasChips();
}

function chip(label, kind, title, onRemove, more = []) {
  const parts = [make("span", { class: "fl-label", title: title || label }, label), ...more];
  if (onRemove) {
    const remove = make("button", { type: "button", "aria-label": `${words.remove}: ${label}` }, "✕");
    remove.addEventListener("click", onRemove);
    parts.push(remove);
  }
  return make("span", { class: `fl-chip fl-${kind}`, "data-testid": `chip-${kind}` }, ...parts);
}

function labelOf(field, value) {
  if (field === "folders") return `${value.replace(/\/+$/, "").split("/").pop()}/`;
  if (field !== "documents") return words.kinds[value] ?? value;
  return panel?.nameOf(value) ?? namesById.get(value) ?? String(value).split("/").pop();
}

const narrowedTo = (found) =>
  Object.entries(found).flatMap(([field, values]) => values.map((value) => labelOf(field, value)));

function narrowingChips() {
  const shown = [], own = new Set(state.files.flatMap(namesOf)); // their chips show it themselves
  for (const [field, values] of Object.entries(state.narrowing)) {
    for (const value of values) {
      if (field === "documents" && own.has(value)) continue;
      const remove = () => narrow({ ...state.narrowing, [field]: values.filter((one) => one !== value) });
      const label = labelOf(field, value);
      shown.push(chip(label, "only", `${words.only}: ${field === "documents" ? label : value}`, remove));
    }
  }
  if (Object.keys(state.narrowing).length) shown.unshift(make("span", { class: "fl-lead" }, words.only));
  return shown;
}

const namesById = new Map();

function queuedChip(item) {
  const done = Math.round(100 * item.done);
  const meter = make("progress", { max: "100", value: String(done), "aria-label": item.file.name });
  return chip(item.file.name, "sending", `${done} %`, () => cancel(item), [meter]);
}

// A document that was edited has another id, so questions are narrowed by path; long-kept ones by id.
const namesOf = (file) => [file.path, file.id].filter((one) => one != null);
const isHere = (place) => state.files.some((file) => file.path === place);
const isNamed = (file) => namesOf(file).some((one) => state.narrowing.documents?.includes(one));
const withoutFile = (file) => state.narrowing.documents.filter((one) => !namesOf(file).includes(one));

function fileChip(file) {
  const isOnly = isNamed(file);
  const remove = () => removeFile(file);
  if (file.state === "failed") {
    const reason = words.reasons[file.reason];
    return chip(reason ? `${file.name}: ${reason}` : file.message, "failed", file.message, remove);
  }
  if (file.state === "indexing") return chip(`${file.name} · ${words.reading}`, "reading", "", remove);
  namesById.set(file.id, file.name);
  const only = make("button", { type: "button", class: "fl-aim", "aria-pressed": String(!!isOnly), title: words.onlyThis }, words.onlyShort);
  only.addEventListener("click", () => narrow({
    ...state.narrowing,
    documents: isOnly ? withoutFile(file) : [...(state.narrowing.documents ?? []), file.path],
  }));
  return chip(file.name, isOnly ? "only" : file.kept ? "kept" : "ready", file.kept ? words.keptFile : words.temporaryFile, remove, [only]);
}

async function removeFile(file) {
  const asked = state.conversation;
  try {
    await api(`${path(asked)}/files?${new URLSearchParams({ name: file.name })}`, { method: "DELETE" });
    if (asked === state.conversation && isNamed(file)) await narrow({ ...state.narrowing, documents: withoutFile(file) });
  } catch (error) { say(error.message, true); }
  lookAtFiles();
}

// Adding files: one after the other, so that a long one keeps no other from beginning to be read

async function add(files, kept) {
  if (!state.conversation) await conversationTold; // a page is shown before its server has told
  const { conversation } = state; // another may be open by the time that they are sent
  try {
    state.limits ??= (await api("/api/library")).uploads;
  } catch (error) { return say(error.message || words.lost(files[0].name), true); }
  for (const file of files) {
    const suffix = file.name.includes(".") ? `.${file.name.split(".").pop().toLowerCase()}` : "";
    if (!state.limits.suffixes.length) say(words.off, true);
    else if (!state.limits.suffixes.includes(suffix)) say(words.wrongType(file.name), true);
    else if (file.size > state.limits.max_bytes) say(words.tooLarge(file.name, state.limits.max_bytes / 1e6), true);
    else if (!file.size) say(words.empty(file.name), true);
    else state.queue.push({ file, kept, conversation, done: 0 });
  }
  draw();
  if (!state.busy) sendAll();
}

async function sendAll() {
  state.busy = true;
  while (state.queue.length) {
    const item = state.queue[0];
    try {
      const more = state.queue.filter((one) => one !== item && one.conversation === item.conversation);
      await send(item, more.length);
    } catch (error) {
      if (error.message) say(error.message, true);
    }
    state.queue = state.queue.filter((one) => one !== item);
    await lookAtFiles();
  }
  state.busy = false;
}

function send(item, more) {
  const query = new URLSearchParams({
    name: item.file.name, conversation: item.conversation, kept: item.kept, more,
  });
  return new Promise((resolve, reject) => {
    const request = item.request = new XMLHttpRequest();
    request.open("POST", `/api/documents?${query}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => { item.done = event.loaded / event.total; draw(); };
    request.onerror = () => reject(new Error(words.lost(item.file.name)));
    request.onabort = () => reject(new Error(""));
    request.onload = () => {
      if (request.status === 201) return resolve();
      let told = {};
      try { told = JSON.parse(request.responseText); } catch { /* the status alone must do */ }
      reject(new Error(words.refusals[told.reason]?.(item.file.name) ?? told.detail ?? words.lost(item.file.name)));
    };
    request.send(item.file);
  });
}

function cancel(item) {
  item.request?.abort();
  state.queue = state.queue.filter((one) => one !== item);
  draw();
}

async function lookAtFiles() {
  clearTimeout(filesTimer);
  const asked = state.conversation;
  if (!asked) return;
  const before = new Map(state.files.map((file) => [file.name, file.state]));
  let found;
  try {
    found = (await api(`${path(asked)}/files`)).files;
  } catch { return; } // the next look tells
  if (asked !== state.conversation) return; // they are another conversation's
  state.files = found;
  for (const file of state.files) {
    if (file.state === "failed" && before.get(file.name) !== "failed") say(file.message, true);
  }
  draw();
  if (state.files.some((file) => file.state === "indexing")) filesTimer = setTimeout(lookAtFiles, FILES_MS);
}

function choose(kept) {
  const input = make("input", { type: "file", multiple: "", "data-testid": "file-input" });
  input.hidden = true;
  if (state.limits?.suffixes.length) input.accept = state.limits.suffixes.join(",");
  input.addEventListener("change", () => { add([...input.files], kept); input.remove(); });
  document.body.append(input);
  input.click();
}

// Dropping files anywhere on the page

const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

function zone(kept, title, text) {
  const element = make("div", { class: "fl-zone", "data-testid": kept ? "drop-kept" : "drop-here" },
    make("strong", {}, title), make("span", {}, text));
  element.addEventListener("dragover", (event) => {
    event.preventDefault();
    element.classList.add("fl-over");
  });
  element.addEventListener("dragleave", () => element.classList.remove("fl-over"));
  element.addEventListener("drop", (event) => {
    element.classList.remove("fl-over");
    add([...event.dataTransfer.files], kept);
  });
  return element;
}

function showOverlay() {
  overlay ??= make("div", { class: "fl-overlay", "data-testid": "drop-overlay" },
    zone(false, words.dropHere, words.dropHereText), zone(true, words.dropKept, words.dropKeptText));
  if (!overlay.isConnected) document.body.append(overlay);
}

window.addEventListener("dragenter", (event) => {
  if (!carriesFiles(event) || !bar?.isConnected) return; // not while one signs in
  event.preventDefault();
  showOverlay();
}, true);
for (const kind of ["dragover", "drop"]) {
  window.addEventListener(kind, (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault(); // a browser would open the file in place of the page
    if (kind === "drop") setTimeout(() => overlay?.remove());
  });
}
window.addEventListener("dragleave", (event) => { if (!event.relatedTarget) overlay?.remove(); });

// The buttons

async function openPanel() {
  if (!panel) {
    const { LibraryPanel } = await import("/public/library-panel.js");
    panel = new LibraryPanel({ narrow, narrowing: () => state.narrowing, choose, isHere });
  }
  panel.toggle();
}

const SIGNS = { add: "M12 5v14M5 12h14", library: "M4.5 5h15v14h-15zM4.5 9.7h15M4.5 14.3h15" };

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SIGNS[name]);
  for (const [key, value] of [["viewBox", "0 0 24 24"], ["class", "fl-icon"], ["aria-hidden", "true"]]) svg.setAttribute(key, value);
  svg.append(path);
  return svg;
}

function button(id, sign, label, action, shown = "") {
  const element = make("button", { type: "button", class: "fl-tool", title: label, "aria-label": label, "data-testid": id });
  element.append(icon(sign));
  if (shown) element.append(make("span", { class: "fl-tool-text" }, shown));
  element.addEventListener("click", action);
  return element;
}

let tools;
function place() {
  nameControls();
  const composer = document.querySelector("#message-composer");
  if (!composer) return;
  bar ??= make("div", { class: "fl-bar", "data-testid": "fl-bar" });
  if (bar.parentElement !== composer) {
    composer.prepend(bar);
    draw();
  }
  const left = composer.querySelector(":scope > div:last-child > div:first-child");
  tools ??= make("span", { class: "fl-tools" },
    button("add-files", "add", words.add, () => choose(false)),
    button("open-library", "library", words.library, openPanel, words.library));
  // First, whatever Chainlit draws there later: the buttons have one order on every page.
  if (left && left.firstElementChild !== tools) left.prepend(tools);
}

let isPlacing = false;
new MutationObserver(() => {
  if (isPlacing) return;
  isPlacing = true;
  requestAnimationFrame(() => { isPlacing = false; place(); });
}).observe(document.body, { childList: true, subtree: true });

// Notices

async function news() {
  if (document.visibilityState === "visible" && state.conversation) { // not while one signs in
    try {
      const query = newest === null ? "" : `?after=${newest}`;
      const found = await api(`/api/news${query}`);
      if (newest !== null && found.number > newest) {
        if (told(found)) say(told(found));
        panel?.refresh();
        lookAtFiles();
      }
      panel?.progress(found.indexing);
      newest = found.number;
    } catch { /* offline: the page says so itself */ }
  }
  setTimeout(news, NEWS_MS);
}

function told(found) {
  const mine = new Set([...state.files.map((file) => file.name)]);
  const parts = [];
  for (const kind of ["new", "changed", "moved", "removed"]) {
    const names = found[`${kind}_names`];
    const isOwn = names.length === found[kind] && names.every((name) => mine.has(name));
    if (found[kind] && !isOwn) parts.push(words.news[kind](found[kind], names));
  }
  return parts.join(" · ");
}

news();
