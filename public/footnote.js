// Opens a citation beside the chat. Without this script the link opens the viewer in a new tab.
(() => {
  // Chainlit knows "system" but can't have it as its default.
  if (!localStorage.getItem("vite-ui-theme")) localStorage.setItem("vite-ui-theme", "system");

  const texts = navigator.language.toLowerCase().startsWith("zh")
    ? { panel: "来源", tab: "在新标签页中打开", close: "关闭" }
    : { panel: "Source", tab: "Open in a new tab", close: "Close" };
  let panel, frame, tab, opener;

  function make(name, attributes, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  function build() {
    frame = make("iframe", { title: texts.panel, "data-testid": "viewer-frame" });
    tab = make("a", { target: "_blank", rel: "noopener", class: "fn-tab" }, texts.tab + " ↗");
    const close = make("button", { type: "button", "data-testid": "close-viewer" }, "✕");
    close.setAttribute("aria-label", texts.close);
    close.addEventListener("click", hide);
    const bar = make("div", { class: "fn-bar" }, make("strong", {}, texts.panel), tab, close);
    panel = make("aside", { id: "fn-panel", "aria-label": texts.panel }, bar, frame);
    document.body.append(panel);
  }

  function show(url) {
    if (!panel) build();
    opener = document.activeElement;
    tab.href = url.href;
    const inside = new URL(url);
    const dark = document.documentElement.classList.contains("dark");
    inside.searchParams.set("theme", dark ? "dark" : "light");
    // A new frame each time: the same address again would not scroll back to the quote.
    const fresh = frame.cloneNode(false);
    fresh.src = inside.href;
    frame.replaceWith(fresh);
    frame = fresh;
    document.documentElement.classList.add("fn-open");
    panel.querySelector("button").focus();
  }

  function hide() {
    document.documentElement.classList.remove("fn-open");
    opener?.focus?.();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const url = new URL(link.href, location.href);
    if (url.origin !== location.origin || !url.pathname.startsWith("/view/")) return;
    if (link.closest("#fn-panel")) return;
    event.preventDefault();
    show(url);
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
})();
