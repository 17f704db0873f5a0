// Citations on the chat page: a card on hover or focus, the source in a panel beside the chat, and
// the statement that a marker stands for. All is read from the link itself, so a stored
// conversation works as a new one. Without this script a link opens the viewer in a new tab.
(() => {
  // Chainlit knows "system" but can't have it as its default.
  if (!localStorage.getItem("vite-ui-theme")) localStorage.setItem("vite-ui-theme", "system");

  const texts = navigator.language.toLowerCase().startsWith("zh")
    ? { panel: "来源", tab: "在新标签页中打开", close: "关闭（Esc）", previous: "上一处引用",
        next: "下一处引用", of: "/", gone: "索引中已没有这份文档", failed: "无法读取来源，请检查连接" }
    : { panel: "Source", tab: "Open in a new tab", close: "Close (Esc)", previous: "Previous citation",
        next: "Next citation", of: "of", gone: "This document is no longer in the index",
        failed: "The source cannot be read: check the connection" };
  const LINK = 'a[href^="/view/"]';
  const MARKER = `.message-content ${LINK}:not(.fn-source)`;
  const DOUBTED = `${MARKER}[href*="&doubt="], ${MARKER}[href^="/view/unsourced"]`;
  const BLOCK = "[role=article], li, td, th, blockquote, h1, h2, h3, h4";
  const SENTENCE_END = /[.!?][”"’')\]]*\s+(?=\S)|[。！？][”’」』）]*(?=\s*\S)/g;
  const narrow = matchMedia("(max-width: 60rem)");
  const root = document.documentElement;

  function make(name, attributes, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children.filter((child) => child != null));
    return element;
  }

  // The panel

  let panel, frame, tab, position, opener;

  function button(name, sign, onClick, id) {
    const element = make("button", { type: "button", "aria-label": name, title: name }, sign);
    if (id) element.dataset.testid = id;
    element.addEventListener("click", onClick);
    return element;
  }

  function build() {
    frame = make("iframe", { title: texts.panel, "data-testid": "viewer-frame" });
    tab = make("a", { target: "_blank", rel: "noopener", class: "fn-tab" }, texts.tab + " ↗");
    position = make("span", { class: "fn-position", "aria-live": "polite" });
    const steps = make("span", { class: "fn-steps" },
      button(texts.previous, "‹", () => step(-1), "previous-citation"), position,
      button(texts.next, "›", () => step(1), "next-citation"));
    const close = button(texts.close, "✕", hide, "close-viewer");
    close.classList.add("fn-close");
    const bar = make("div", { class: "fn-bar" }, make("strong", {}, texts.panel), steps, tab, close);
    panel = make("aside", { id: "fn-panel", "aria-label": texts.panel }, bar, frame);
    document.body.append(panel);
  }

  // The links that one can step through: an answer's markers, or its sources.
  function siblings(link) {
    const message = link.closest(".message-content") ?? link.parentElement;
    const cards = link.classList.contains("fn-source");
    const found = message.querySelectorAll(cards ? ".fn-source" : `${LINK}:not(.fn-source)`);
    return [...found].filter((one) => one === link || one.getClientRects().length > 0);
  }

  function step(by) {
    const all = siblings(opener);
    const next = all[all.indexOf(opener) + by];
    if (next) show(next);
  }

  function show(link) {
    if (!panel) build();
    hideCard();
    opener?.removeAttribute("aria-current");
    opener = link;
    link.setAttribute("aria-current", "true");
    const all = siblings(link);
    position.textContent = `${all.indexOf(link) + 1} ${texts.of} ${all.length}`;
    panel.querySelector(".fn-steps").hidden = all.length < 2;
    const [back, on] = panel.querySelectorAll(".fn-steps button");
    back.disabled = link === all[0];
    on.disabled = link === all.at(-1);
    tab.href = link.href;
    const inside = new URL(link.href);
    inside.searchParams.set("theme", theme());
    // A new frame each time: the same address again would not scroll back to the quote.
    const fresh = frame.cloneNode(false);
    fresh.addEventListener("load", () => settle(fresh));
    fresh.src = inside.href;
    frame.replaceWith(fresh);
    frame = fresh;
    const wasOpen = root.classList.contains("fn-open");
    root.classList.add("fn-open");
    panel.classList.add("fn-loading");
    setModal(narrow.matches);
    if (!wasOpen) panel.querySelector(".fn-close").focus();
    link.scrollIntoView({ block: "nearest" });
  }

  // A page has come: keys that are pressed in it reach us, and it takes those for itself.
  function settle(loaded) {
    if (loaded !== frame) return;
    panel.classList.remove("fn-loading");
    frame.contentWindow.addEventListener("keydown", closeOnEscape);
    if (document.activeElement?.classList.contains("fn-close")) frame.focus();
  }

  // On a narrow screen the panel covers the page, so nothing behind it may take the focus.
  function setModal(modal) {
    const page = document.getElementById("root");
    if (page) page.inert = modal;
    panel.setAttribute("role", modal ? "dialog" : "complementary");
    modal ? panel.setAttribute("aria-modal", "true") : panel.removeAttribute("aria-modal");
  }

  function isOpen() {
    return root.classList.contains("fn-open");
  }

  function hide() {
    if (!isOpen()) return;
    root.classList.remove("fn-open");
    setModal(false);
    opener.removeAttribute("aria-current");
    opener.focus({ preventScroll: true });
    hideCard();
  }

  function closeOnEscape(event) {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (card && !card.hidden) hideCard();
    else hide();
  }

  function theme() {
    return root.classList.contains("dark") ? "dark" : "light";
  }

  narrow.addEventListener("change", () => isOpen() && setModal(narrow.matches));
  document.addEventListener("keydown", closeOnEscape);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(LINK);
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (link.closest("#fn-panel")) return;
    event.preventDefault();
    show(link);
  }, true);
  new MutationObserver(() => {
    const page = isOpen() && frame.contentDocument?.documentElement;
    if (page) page.dataset.theme = theme();
  }).observe(root, { attributes: true, attributeFilter: ["class"] });

  // The card

  const DELAY_MS = 140; // of the pointer over a marker, before its card shows
  const LEAVE_MS = 200; // for the pointer to reach the card
  const passages = new Map(); // address -> what was answered, or a promise of it
  let card, timer, hovered;

  async function passage(link) {
    const url = new URL(link.href);
    const found = url.pathname.match(/^\/view\/(\d+)$/);
    if (!found) return {};
    const span = ["start", "end"].map((key) => `${key}=${url.searchParams.get(key) ?? 0}`);
    const address = `/api/passage/${found[1]}?${span.join("&")}`;
    if (!passages.has(address)) {
      passages.set(address, fetch(address).then((answer) => {
        if (answer.ok) return answer.json();
        return { trouble: answer.status === 404 ? texts.gone : texts.failed };
      }));
    }
    try {
      return await passages.get(address);
    } catch {
      passages.delete(address); // the network: it may be back the next time
      return { trouble: texts.failed };
    }
  }

  function cells(pairs) {
    const rows = pairs.map(([name, value]) =>
      make("div", {}, make("dt", {}, name), make("dd", {}, value)));
    return make("dl", {}, ...rows);
  }

  function fill(told, doubt) {
    const quote = told.cells?.length ? cells(told.cells)
      : told.quote ? make("blockquote", {}, told.quote) : null;
    const warning = doubt ? make("p", { class: "fn-card-doubt" }, doubt) : null;
    const trouble = told.trouble ? make("p", {}, told.trouble) : null;
    const title = told.title ? make("p", { class: "fn-card-title" }, told.title) : null;
    const place = told.place ? make("p", { class: "fn-card-place" }, told.place) : null;
    card.replaceChildren(...[warning, quote, trouble, title, place].filter(Boolean));
  }

  // Our card stands in for the browser's own, which would cover it.
  function takeDoubt(link) {
    if (link.title) {
      link.dataset.fnDoubt = link.title;
      link.removeAttribute("title");
    }
    return link.dataset.fnDoubt ?? "";
  }

  async function showCard(link) {
    hovered = link;
    const doubt = takeDoubt(link);
    const told = await passage(link);
    if (hovered !== link || !link.isConnected) return;
    if (!card) {
      card = make("div", { id: "fn-card", role: "tooltip", "data-testid": "citation-card" });
      card.addEventListener("pointerenter", () => clearTimeout(timer));
      card.addEventListener("pointerleave", leave);
      document.body.append(card);
    }
    fill(told, doubt);
    card.hidden = false;
    link.setAttribute("aria-describedby", "fn-card");
    place(link);
    mark("fn-statement", [statement(link)]);
  }

  function place(link) {
    const spot = [...link.getClientRects()].at(-1);
    const { offsetWidth: width, offsetHeight: height } = card;
    const below = spot.bottom + 8 + height < innerHeight || spot.top < height + 16;
    const left = Math.min(Math.max(8, spot.left - 24), innerWidth - width - 8);
    card.style.left = `${Math.max(8, left)}px`;
    card.style.top = `${below ? spot.bottom + 8 : spot.top - height - 8}px`;
  }

  function hideCard() {
    clearTimeout(timer);
    hovered?.removeAttribute("aria-describedby");
    hovered = undefined;
    if (card) card.hidden = true;
    mark("fn-statement", []);
  }

  function leave() {
    clearTimeout(timer);
    timer = setTimeout(hideCard, LEAVE_MS);
  }

  document.addEventListener("pointerover", (event) => {
    const link = event.pointerType === "touch" ? null : event.target.closest?.(MARKER);
    if (!link) return;
    clearTimeout(timer);
    if (link !== hovered) timer = setTimeout(() => { hideCard(); showCard(link); }, DELAY_MS);
  });
  document.addEventListener("pointerout", (event) => {
    if (event.target.closest?.(MARKER)) leave();
  });
  document.addEventListener("focusin", (event) => {
    const link = event.target.closest?.(MARKER);
    if (link?.matches(":focus-visible")) showCard(link);
    else if (hovered) hideCard();
  });
  document.addEventListener("focusout", (event) => {
    if (event.target.closest?.(MARKER)) leave();
  });
  document.addEventListener("scroll", (event) => {
    if (card && !card.hidden && !card.contains(event.target)) hideCard();
  }, true);

  // The statements

  function mark(name, ranges) {
    if (!window.Highlight) return; // an older browser: the marker alone tells
    CSS.highlights.set(name, new Highlight(...ranges.filter(Boolean)));
  }

  // What stands before a marker, back to another statement's marker or the end of a sentence.
  function statement(link) {
    const block = link.closest(BLOCK);
    if (!block) return null;
    const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    let begins = null, ended = false;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const other = node.parentElement.closest(LINK);
      if (other === link) break;
      if (other) {
        ended = true;
        continue;
      }
      const first = node.data.search(/\S/);
      if (first < 0) continue;
      if (!begins || ended) begins = [node, first];
      ended = false;
      for (const end of node.data.matchAll(SENTENCE_END)) {
        begins = [node, end.index + end[0].length];
      }
    }
    if (!begins) return null;
    range.setStart(...begins);
    range.setEndBefore(link);
    return range;
  }

  let waiting = false;
  function markDoubted() {
    waiting = false;
    mark("fn-doubted", [...document.querySelectorAll(DOUBTED)].map(statement));
  }
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(markDoubted);
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
})();
