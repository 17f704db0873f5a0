// The library: what is in the index, what could not be read, what was left out.
import { make, words, api, say } from "/public/library-parts.js";

const PAGE = 50;
const SEARCH_MS = 200;
const TABS = ["documents", "failures", "leftOut"];
const LARGEST_FIRST = new Set(["changed", "indexed", "size"]);

const date = (text) => new Date(text).toLocaleDateString(words.dateLanguage, { dateStyle: "medium" });
const time = (text) => new Date(text).toLocaleTimeString(words.dateLanguage, { timeStyle: "short" });

function size(bytes) {
  const steps = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]];
  const [step, unit] = steps.find(([least]) => bytes >= least) ?? [1, "B"];
  return `${(bytes / step).toFixed(step > 1e3 && bytes < 10 * step ? 1 : 0)} ${unit}`;
}

function button(label, action, attributes = {}) {
  const element = make("button", { type: "button", ...attributes }, label);
  element.addEventListener("click", (event) => action(event.currentTarget));
  return element;
}

function select(label, options, onChange, attributes = {}) {
  const element = make("select", { "aria-label": label, ...attributes },
    ...options.map(([value, text]) => make("option", { value }, text)));
  element.addEventListener("change", onChange);
  return element;
}

export class LibraryPanel {
  /** `page` has narrow(), narrowing(), choose() and isHere(), all of library.js. */
  constructor(page) {
    this.page = page;
    this.names = new Map();
    this.chosen = new Set(); // paths: a document that was edited has another id
    this.tab = "documents";
    this.offset = 0;
    this.build();
  }

  nameOf(id) { return this.names.get(id); }

  build() {
    this.status = make("span", { class: "fl-status", "data-testid": "library-status", role: "status" });
    this.sync = button(words.sync, () => this.lookNow(), { class: "fl-button", "data-testid": "sync-now" });
    const close = button("✕", () => this.toggle(false), { "aria-label": words.close, "data-testid": "close-library", class: "fl-close" });
    this.search = make("input", { type: "search", placeholder: words.search, "aria-label": words.search, "data-testid": "library-search" });
    this.search.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.list(0), SEARCH_MS);
    });
    this.folder = select(words.allFolders, [["", words.allFolders]], () => this.list(0), { "data-testid": "library-folder" });
    this.type = select(words.allTypes, [["", words.allTypes]], () => this.list(0), { "data-testid": "library-type" });
    this.order = select(words.sort, Object.entries(words.sorts), () => this.list(0), { "data-testid": "library-sort" });
    this.tabs = TABS.map((name) => button(words[name], () => this.open(name), { role: "tab", "data-testid": `tab-${name}` }));
    this.filters = make("div", { class: "fl-filters" }, this.search, this.folder, this.type, this.order);
    this.narrower = make("div", { class: "fl-narrower" });
    this.rows = make("ul", { class: "fl-rows", "data-testid": "library-rows" });
    this.pager = make("div", { class: "fl-pager" });
    const add = button(`＋ ${words.addKept}`, () => this.page.choose(true), { class: "fl-button", "data-testid": "add-kept" });
    this.element = make("aside", { id: "fl-panel", "aria-label": words.library, hidden: "" },
      make("div", { class: "fl-head" }, make("strong", {}, words.library), this.status, close),
      make("div", { class: "fl-actions" }, this.sync, add),
      make("div", { class: "fl-tabs", role: "tablist" }, ...this.tabs),
      this.filters, this.narrower, this.rows, this.pager);
    document.body.append(this.element);
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { event.stopPropagation(); this.toggle(false); }
    });
  }

  toggle(isOpen = this.element.hidden) {
    this.element.hidden = !isOpen;
    document.documentElement.classList.toggle("fl-open", isOpen);
    if (isOpen) {
      this.opener = document.activeElement;
      this.refresh();
      this.search.focus();
    } else this.opener?.focus?.();
  }

  async refresh() {
    if (this.element.hidden) return;
    try {
      this.overview = await api("/api/library");
    } catch (error) { return say(error.message, true); }
    const { documents, failures, left_out: leftOut, types, folders, may_manage: mayManage } = this.overview;
    const counts = { documents, failures, leftOut };
    TABS.forEach((name, at) => { this.tabs[at].textContent = `${words[name]} · ${counts[name]}`; });
    this.refill(this.type, words.allTypes, Object.entries(types).map(([kind, count]) => [kind, `${words.kinds[kind] ?? kind} · ${count}`]));
    this.refill(this.folder, words.allFolders, folders.map((one) => [one.path, `${one.name} · ${one.documents}`]));
    this.sync.hidden = !mayManage;
    this.progress(this.overview.indexing);
    this.open(this.tab);
  }

  refill(element, all, options) {
    const value = element.value;
    element.replaceChildren(...[["", all], ...options].map(([key, text]) => make("option", { value: key }, text)));
    element.value = options.some(([key]) => key === value) ? value : "";
  }

  progress(indexing) {
    if (this.element.hidden || !this.overview) return;
    const { problem, last_sync: last, follows_another_process: follows } = this.overview;
    this.status.textContent = indexing ? words.indexing(indexing)
      : problem || (follows ? words.follows : last ? words.looked(time(last)) : "");
    this.status.classList.toggle("fl-bad", !indexing && !!problem);
    if (this.wasIndexing && !indexing) { this.wasIndexing = false; this.refresh(); }
    this.wasIndexing = !!indexing;
  }

  async lookNow() {
    this.status.textContent = words.looking;
    const before = this.overview?.last_sync;
    try {
      await api("/api/sync", { method: "POST" });
      for (let tries = 0; tries < 40; tries += 1) {
        await new Promise((resolve) => setTimeout(resolve, 300));
        const found = await api("/api/library");
        if (found.indexing) break; // from now on the notices tell
        if (found.last_sync !== before || found.follows_another_process) break;
      }
    } catch (error) { say(error.message, true); }
    this.refresh();
  }

  open(tab) {
    this.tab = tab;
    this.tabs.forEach((element, at) => element.setAttribute("aria-selected", String(TABS[at] === tab)));
    this.filters.hidden = tab !== "documents";
    if (tab === "documents") return this.list(this.offset);
    this.narrower.replaceChildren();
    this.pager.replaceChildren();
    return tab === "failures" ? this.listFailures() : this.listLeftOut();
  }

  async list(offset) {
    const query = new URLSearchParams({
      q: this.search.value, type: this.type.value, folder: this.folder.value, sort: this.order.value,
      descending: LARGEST_FIRST.has(this.order.value), offset, limit: PAGE,
    });
    const asked = this.asked = Symbol();
    let found;
    try {
      found = await api(`/api/documents?${query}`);
    } catch (error) { return say(error.message, true); }
    if (asked !== this.asked || this.tab !== "documents") return; // a later search was faster
    if (offset && offset >= found.total) return this.list(0);
    this.offset = offset;
    this.found = found;
    for (const one of found.documents) this.names.set(one.id, one.name);
    const focused = document.activeElement?.closest?.("li[data-path]") && document.activeElement;
    const spot = focused && [focused.closest("li").dataset.path, [...focused.closest("li").querySelectorAll("a, button, input")].indexOf(focused)];
    this.rows.replaceChildren(...found.documents.map((one) => this.row(one)));
    if (spot) {
      const row = [...this.rows.children].find((one) => one.dataset.path === spot[0]);
      row?.querySelectorAll("a, button, input")[spot[1]]?.focus();
    }
    if (!found.total) this.rows.append(make("li", { class: "fl-empty" }, this.overview?.documents ? words.nothing : words.none));
    this.drawPager();
    this.narrowed();
  }

  row(one) {
    const box = make("input", { type: "checkbox", "aria-label": `${words.select}: ${one.name}` });
    box.checked = this.chosen.has(one.path);
    box.addEventListener("change", () => {
      if (box.checked) this.chosen.add(one.path); else this.chosen.delete(one.path);
      this.narrowed();
    });
    const place = one.added ? words[one.added] : one.folder;
    const facts = [place, one.pages ? (one.type === "slides" ? words.slides : words.pages)(one.pages) : "", words.passages(one.passages), size(one.size), date(one.changed_at)];
    const title = one.title && !one.name.startsWith(one.title) ? one.title : "";
    const open = make("a", { href: `${one.url}?start=0&end=0#cite`, target: "_blank", rel: "noopener", title: one.path, "data-testid": "library-document" },
      make("span", { class: "fl-name" }, one.name), ...(title ? [make("span", { class: "fl-title" }, title)] : []));
    const text = make("div", { class: "fl-text" }, open, make("span", { class: "fl-facts" }, facts.filter(Boolean).join(" · ")));
    const aim = button("◎", () => this.page.narrow({ documents: [one.path] }), { title: words.askOne, "aria-label": `${words.askOne}: ${one.name}`, "data-testid": "ask-one" });
    // What was added in another conversation alone is not found in this one.
    const canBeAsked = one.added !== "temporary" || this.page.isHere(one.path);
    box.disabled = !canBeAsked;
    const tools = canBeAsked ? [aim] : [];
    if (one.added || this.overview?.may_manage) tools.push(this.remover(one));
    return make("li", { "data-id": one.id, "data-path": one.path }, box, make("span", { class: "fl-kind" }, words.kinds[one.type] ?? one.type), text, make("span", { class: "fl-row-tools" }, ...tools));
  }

  /** What was added is deleted, after a second click; anything else is left out, which can be undone. */
  remover(one) {
    const label = one.added ? words.del : words.leaveOut;
    const isAsked = this.sure === one.path; // a list drawn anew in between asks no second time
    const act = async (element) => {
      if (one.added && this.sure !== one.path) {
        this.sure = one.path;
        element.dataset.sure = "1";
        element.textContent = words.sure;
        return;
      }
      this.sure = "";
      try {
        await api(`/api/documents/${one.id}`, { method: "DELETE" });
      } catch (error) { return say(error.message, true); }
      element.closest("li").remove();
      this.chosen.delete(one.path);
      const undo = { label: words.undo, run: () => this.takeBack(one.path) };
      say(one.added ? words.deleted(one.name) : words.leftOutTold(one.name), false, one.added ? null : undo);
    };
    const attributes = { title: label, "aria-label": `${label}: ${one.name}`, "data-testid": "remove-document" };
    return button(isAsked ? words.sure : "✕", act, isAsked ? { ...attributes, "data-sure": "1" } : attributes);
  }

  async takeBack(path) {
    try {
      await api(`/api/left-out?${new URLSearchParams({ path })}`, { method: "DELETE" });
    } catch (error) { say(error.message, true); }
    this.refresh();
  }

  drawPager() {
    const { total, documents } = this.found;
    if (total <= PAGE) return this.pager.replaceChildren();
    const back = button(`‹ ${words.earlier}`, () => this.list(this.offset - PAGE));
    const on = button(`${words.later} ›`, () => this.list(this.offset + PAGE), { "data-testid": "library-next" });
    back.disabled = this.offset === 0;
    on.disabled = this.offset + PAGE >= total;
    const count = make("span", { "data-testid": "library-count" }, words.of(this.offset + 1, this.offset + documents.length, total));
    this.pager.replaceChildren(back, count, on);
  }

  /** Offer what the choice above would narrow questions to, and the way back. */
  narrowed() {
    if (this.tab !== "documents") return;
    const asked = new Set((this.page.narrowing().documents ?? []).map(String));
    for (const row of this.rows.querySelectorAll("li[data-id]")) {
      row.classList.toggle("fl-asked", asked.has(row.dataset.id) || asked.has(row.dataset.path));
    }
    const shown = [];
    if (this.chosen.size) {
      shown.push(button(words.askThese(this.chosen.size), () => {
        this.page.narrow({ documents: [...this.chosen] });
        this.chosen.clear();
        this.list(this.offset);
      }, { class: "fl-button fl-main", "data-testid": "ask-chosen" }));
    } else if (this.folder.value || this.type.value) {
      shown.push(button(words.askShown, () => this.page.narrow({
        folders: this.folder.value ? [this.folder.value] : [], types: this.type.value ? [this.type.value] : [],
      }), { class: "fl-button fl-main", "data-testid": "ask-shown" }));
    }
    if (Object.keys(this.page.narrowing()).length) {
      shown.push(button(words.askAll, () => this.page.narrow({}), { class: "fl-button", "data-testid": "ask-all" }));
    }
    this.narrower.replaceChildren(...shown);
  }

  async listFailures() {
    const found = await api("/api/documents/failures").catch((error) => say(error.message, true));
    if (!found || this.tab !== "failures") return;
    this.rows.replaceChildren(...found.failures.map((one) => {
      const hide = button(words.hide, async () => {
        try {
          await api(`/api/left-out?${new URLSearchParams({ path: one.path })}`, { method: "POST" });
        } catch (error) { return say(error.message, true); }
        this.refresh();
      }, { class: "fl-button" });
      const reason = words.reasons[one.reason];
      const text = make("div", { class: "fl-text" }, make("span", { class: "fl-name", title: one.path }, one.name),
        ...(reason ? [make("span", { class: "fl-title" }, reason)] : []), make("span", { class: "fl-facts fl-wrap" }, one.message.replace(`${one.path}: `, "")));
      return make("li", { class: "fl-failed" }, text, ...(this.overview.may_manage ? [hide] : []));
    }));
    if (!found.failures.length) this.rows.append(make("li", { class: "fl-empty" }, words.allRead));
    if (found.num_unsupported) {
      const list = make("ul", {}, ...found.unsupported.map((path) => make("li", {}, path)));
      this.rows.append(make("li", { class: "fl-empty" }, make("details", {}, make("summary", {}, words.unsupported(found.num_unsupported)), list)));
    }
  }

  async listLeftOut() {
    const found = await api("/api/left-out").catch((error) => say(error.message, true));
    if (!found || this.tab !== "leftOut") return;
    this.rows.replaceChildren(...found.paths.map((path) => {
      const back = button(words.takeBack, () => this.takeBack(path), { class: "fl-button", "data-testid": "take-back" });
      const text = make("div", { class: "fl-text" }, make("span", { class: "fl-name" }, path.split("/").pop()), make("span", { class: "fl-facts" }, path));
      return make("li", {}, text, ...(this.overview.may_manage ? [back] : []));
    }));
    if (!found.paths.length) this.rows.append(make("li", { class: "fl-empty" }, words.noneLeftOut));
  }
}
